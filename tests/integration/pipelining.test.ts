import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test } from '@jest/globals';
import type { Express } from 'express';
import { wrap } from '../../src/http/wrap.ts';
import { sendRaw, serve } from '../support/http.ts';

let close: (() => Promise<void>) | undefined;
afterEach(async () => {
  await close?.();
  close = undefined;
});

async function start(add: (app: Express) => void, env: Record<string, string> = {}) {
  const served = await serve(add, env);
  close = served.close;
  return served;
}

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
const LAST = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';

/** A connection that reads nothing and survives being cut. */
function silentClient(port: number): Socket {
  return connect(port, '127.0.0.1')
    .on('error', () => undefined)
    .pause();
}

describe('requests sent before the one ahead was answered', () => {
  test('are answered in their order', async () => {
    let count = 0;
    const { port } = await start((app) =>
      app.get(
        '/',
        wrap(async (_req, res) => {
          const number = ++count;
          await sleep(60 - 20 * number);
          res.send(`answer ${number}`);
        }),
      ),
    );
    const answer = await sendRaw(port, GET + GET + LAST);
    expect(answer.match(/answer \d/g)).toEqual(['answer 1', 'answer 2', 'answer 3']);
  });

  test('all end when the client leaves: no handler waits for ever, and each has its line in the log', async () => {
    let ended = 0;
    const { port, log } = await start((app) =>
      app.get(
        '/',
        wrap(async (_req, _res, { signal }) => {
          await once(signal, 'abort');
          ended++;
        }),
      ),
    );
    const socket = silentClient(port);
    socket.write(GET.repeat(20));
    await sleep(100);
    socket.destroy();
    await log.waitFor(20);
    await sleep(50);
    expect(ended).toBe(20);
    expect(log.lines).toHaveLength(20);
  });

  test('beyond a hundred cut the connection', async () => {
    let handled = 0;
    const { port, log } = await start((app) =>
      app.get('/', () => {
        handled++;
      }),
    );
    const socket = silentClient(port);
    socket.write(GET.repeat(2000));
    await once(socket.resume(), 'close');
    await log.waitForLine(({ msg }) => msg === 'connection cut: too many requests at a time');
    await sleep(50);
    expect(handled).toBe(101);
    expect(log.lines).toHaveLength(102);
  });
});

test('a client that does not read its answer is cut', async () => {
  const { port, log } = await start(
    (app) =>
      app.get('/', (_req, res) => {
        res.send('x'.repeat(50_000_000));
      }),
    { RECEIVE_TIMEOUT_SECONDS: '1', REQUEST_TIMEOUT_SECONDS: '1' },
  );
  const socket = silentClient(port);
  socket.write(GET);
  await sleep(1000);
  expect(log.lines).toEqual([]);
  // Two seconds of silence, counted from the last byte that the system's buffers took.
  await log.waitForLine(({ status }) => status === 200);
  expect(log.lines).toHaveLength(1);
  socket.destroy();
});

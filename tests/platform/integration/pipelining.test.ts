import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from '@jest/globals';
import { jsonBody } from '../../../src/platform/http/middleware/body.ts';
import { wrap } from '../../../src/platform/http/wrap.ts';
import { Connections } from '../../../src/platform/lifecycle/connections.ts';
import { until } from '../../support/until.ts';
import { sendRaw, serveEachTest } from '../../support/http.ts';

const start = serveEachTest();

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
const LAST = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';

/** A connection that reads nothing and survives being cut. */
function silentClient(port: number): Socket {
  return connect(port, '127.0.0.1')
    .on('error', () => undefined)
    .pause();
}

describe('requests sent before the response to the previous one', () => {
  test('get their responses in order', async () => {
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

  test('wait for their turn, and never begin when the client leaves before', async () => {
    let begun = 0;
    const { url, port, server, log } = await start((app) =>
      app.get(
        '/',
        wrap(async (_req, _res, { signal }) => {
          begun++;
          await once(signal, 'abort');
        }),
      ),
    );
    const connections = new Connections(server);
    const socket = silentClient(port);
    socket.write(GET.repeat(20));
    await until(() => connections.inFlight === 20);
    socket.destroy();
    await until(() => connections.inFlight === 0);
    // Whatever of them still had a turn would be through before a later connection is.
    await fetch(`${url}/later`);
    await log.waitFor(2);
    expect(begun).toBe(1);
    expect(log.lines).toEqual([
      expect.objectContaining({ aborted: true }),
      expect.objectContaining({ path: '/later' }),
    ]);
  });

  test('have their bodies when it is their turn', async () => {
    const { port } = await start((app) =>
      app.post(
        '/',
        jsonBody({ limitKb: 100 }),
        wrap(async (req, res) => {
          await sleep(20);
          res.json(req.body);
        }),
      ),
    );
    const post = (number: number, connection: string) => {
      const body = JSON.stringify({ number, filler: 'x'.repeat(50_000) });
      const headers = `Host: a\r\nConnection: ${connection}\r\nContent-Type: application/json`;
      return `POST / HTTP/1.1\r\n${headers}\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    };
    const bytes = post(1, 'keep-alive') + post(2, 'keep-alive') + post(3, 'close');
    const answer = await sendRaw(port, bytes);
    expect(answer.match(/"number":\d/g)).toEqual(['"number":1', '"number":2', '"number":3']);
  });

  test('give other connections a turn between two of them', async () => {
    const order: string[] = [];
    const { port } = await start((app) =>
      app.get('/:name', (req, res) => {
        order.push(req.params.name);
        res.send('');
      }),
    );
    const get = (name: string, headers = '') => `GET /${name} HTTP/1.1\r\nHost: a\r\n${headers}\r\n`;
    const clients = Array.from({ length: 5 }, () => silentClient(port).resume());
    await Promise.all(clients.map((socket) => once(socket, 'connect')));
    const ends = clients.map((socket) => once(socket, 'close'));
    for (const socket of clients)
      socket.write(get('sent-ahead').repeat(89) + get('sent-ahead', 'Connection: close\r\n'));
    const other = silentClient(port).resume();
    other.write(get('other', 'Connection: close\r\n'));
    await Promise.all([...ends, once(other, 'close')]);
    expect(order).toHaveLength(5 * 90 + 1);
    // It was last in line; without turns it would be the last of all, or nearly so.
    expect(order.indexOf('other')).toBeLessThan(order.length / 2);
  });

  test('do not begin when the client leaves just before their turn', async () => {
    const begun: string[] = [];
    const { port } = await start((app) =>
      app.get('/:name', (req, res) => {
        begun.push(req.params.name);
        res.send('');
        // The next has its turn in the next round of the event loop, and by then the connection is gone.
        req.socket.destroy();
      }),
    );
    const socket = silentClient(port).resume();
    socket.write('GET /first HTTP/1.1\r\nHost: a\r\n\r\nGET /second HTTP/1.1\r\nHost: a\r\n\r\n');
    await once(socket, 'close');
    await (await fetch(`http://127.0.0.1:${port}/third`).catch(() => undefined))?.text();
    expect(begun).toEqual(['first', 'third']);
  });

  test('cut the connection when there are more than a hundred', async () => {
    const { port, server, log } = await start((app) => app.get('/', () => undefined));
    const connections = new Connections(server);
    const socket = silentClient(port);
    socket.write(GET.repeat(2000));
    await once(socket.resume(), 'close');
    await log.waitFor(2);
    expect(log.lines.map(({ msg }) => msg)).toEqual([
      'connection cut: too many requests at a time',
      'request',
    ]);
    expect(connections.inFlight).toBe(0);
  });
});

test('closes the connection of a client that does not read its response', async () => {
  const { port, log } = await start(
    (app) =>
      app.get('/', (_req, res) => {
        res.send('x'.repeat(50_000_000));
      }),
    { RECEIVE_TIMEOUT_SECONDS: '1', REQUEST_TIMEOUT_SECONDS: '1' },
  );
  const socket = silentClient(port);
  socket.write(GET);
  await log.waitForLine(({ status }) => status === 200);
  expect(log.lines).toHaveLength(1);
  // Two seconds of silence, counted from the last byte that the system's buffers took.
  expect(Number(log.lines[0]?.ms)).toBeGreaterThan(1000);
  socket.destroy();
});

test('keeps an idle connection for as long as configured, and sends this time', async () => {
  const { url } = await start((app) => app.get('/', (_req, res) => res.send('')), {
    KEEP_ALIVE_TIMEOUT_SECONDS: '33',
  });
  expect((await fetch(url)).headers.get('keep-alive')).toBe('timeout=33');
});

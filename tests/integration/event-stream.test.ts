import { once } from 'node:events';
import { get } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test } from '@jest/globals';
import type { Express } from 'express';
import { openEventStream, type EventStream } from '../../src/http/event-stream.ts';
import { wrap } from '../../src/http/wrap.ts';
import { Lifecycle } from '../../src/runtime/lifecycle.ts';
import { serve } from '../support/http.ts';

let close: (() => Promise<void>) | undefined;
afterEach(async () => {
  await close?.();
  close = undefined;
});

async function start(add: (app: Express) => void) {
  const served = await serve(add);
  close = served.close;
  return served;
}

describe('an event stream', () => {
  test('ends when the process drains, cleanly for the client', async () => {
    const lifecycle = new Lifecycle();
    const { url } = await start((app) =>
      app.get('/', (req, res) => {
        openEventStream(req, res, lifecycle).send('tick', 1);
      }),
    );
    const response = await fetch(url);
    lifecycle.endStreams();
    expect(await response.text()).toBe(':\n\nevent: tick\ndata: 1\n\n');
  });

  test.each([
    ['leaves', 0],
    ['left before it was opened', 200],
  ])('ends when its client %s', async (_name, delayMs) => {
    let stream: EventStream | undefined;
    const { port, log } = await start((app) =>
      app.get(
        '/',
        wrap(async (req, res) => {
          if (delayMs > 0) await sleep(delayMs);
          stream = openEventStream(req, res, new Lifecycle());
        }),
      ),
    );
    const request = get({ port, host: '127.0.0.1' });
    request.on('error', () => undefined);
    if (delayMs > 0) await sleep(delayMs / 2);
    else await once(request, 'response');
    request.destroy();
    await log.waitFor(1);
    await sleep(delayMs + 50);
    expect(stream?.ended.aborted).toBe(true);
  });
});

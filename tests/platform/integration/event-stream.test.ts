import { EventEmitter, once } from 'node:events';
import { get } from 'node:http';
import { describe, expect, test } from '@jest/globals';
import { openEventStream, type EventStream } from '../../../src/platform/http/event-stream.ts';
import { wrap } from '../../../src/platform/http/wrap.ts';
import { Lifecycle } from '../../../src/platform/lifecycle/lifecycle.ts';
import { until } from '../../support/until.ts';
import { serveEachTest } from '../../support/http.ts';

const start = serveEachTest();

describe('an event stream', () => {
  test('ends cleanly for the client when the process drains', async () => {
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
    ['leaves', false],
    ['left before it was opened', true],
  ])('ends when its client %s', async (_name, isEarly) => {
    let stream: EventStream | undefined;
    const began = new EventEmitter();
    const { port, log } = await start((app) =>
      app.get(
        '/',
        wrap(async (req, res) => {
          began.emit('request');
          if (isEarly) await once(res, 'close');
          stream = openEventStream(req, res, new Lifecycle());
        }),
      ),
    );
    const request = get({ port, host: '127.0.0.1' });
    request.on('error', () => undefined);
    await (isEarly ? once(began, 'request') : once(request, 'response'));
    request.destroy();
    await log.waitFor(1);
    await until(() => stream?.ended.aborted === true);
    expect(stream?.ended.aborted).toBe(true);
  });
});

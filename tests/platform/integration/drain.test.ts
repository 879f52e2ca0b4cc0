import { once } from 'node:events';
import { Agent, get, type IncomingMessage, type Server } from 'node:http';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test } from '@jest/globals';
import { health } from '../../../src/platform/http/middleware/health.ts';
import { openEventStream } from '../../../src/platform/http/event-stream.ts';
import { Connections } from '../../../src/platform/lifecycle/connections.ts';
import { Drain } from '../../../src/platform/lifecycle/drain.ts';
import { Lifecycle } from '../../../src/platform/lifecycle/lifecycle.ts';
import { createLogger } from '../../../src/platform/observability/logger.ts';
import { until } from '../../support/until.ts';
import { LogLines, serve } from '../../support/http.ts';

const stops: (() => void)[] = [];
afterEach(() => {
  for (const stop of stops.splice(0)) stop();
});

/** A served app whose process is not ended by its drain. */
async function start({ LINGER_SECONDS = 0.3, DRAIN_TIMEOUT_SECONDS = 5, DRAIN_DELAY_SECONDS = 0 } = {}) {
  const lifecycle = new Lifecycle();
  const { server, port, close } = await serve((app) => {
    app.use(health({ lifecycle, storeIsUp: () => undefined }));
    app.get('/fast', (_req, res) => {
      res.send('fast');
    });
    app.get('/slow', (_req, res) => {
      setTimeout(() => res.send('slow'), 800);
    });
    app.get('/events', (req, res) => {
      openEventStream(req, res, lifecycle).send('hello', { worker: 1 });
    });
    app.post('/upload', (req, res) => {
      let bytes = 0;
      req.on('data', (chunk: Buffer) => (bytes += chunk.length));
      req.on('end', () => res.json({ bytes }));
    });
  });
  stops.push(() => {
    server.closeAllConnections();
    if (server.listening) void close();
  });
  lifecycle.markReady();
  const times = { LINGER_SECONDS, DRAIN_TIMEOUT_SECONDS, DRAIN_DELAY_SECONDS };
  const lines = new LogLines();
  const logger = createLogger({ LOG_LEVEL: 'info', LOG_FORMAT: 'json' }, lines);
  const connections = new Connections(server);
  const drain = new Drain({ connections, lifecycle, logger, times });
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  stops.push(() => {
    agent.destroy();
  });
  const ask = async (
    path: string,
  ): Promise<[status: number, body: string, connection: string | undefined]> => {
    const [response] = (await once(get({ agent, port, path, host: '127.0.0.1' }), 'response')) as [
      IncomingMessage,
    ];
    let body = '';
    for await (const chunk of response) body += String(chunk);
    return [response.statusCode ?? 0, body, response.headers.connection];
  };
  return { server, port, drain, connections, lifecycle, lines, ask };
}

type Started = Awaited<ReturnType<typeof start>>;

/** A client that never ends its request; resolves, once the request is in flight, with what resolves when it is cut. */
async function openEndlessUpload({ port, connections }: Started): Promise<{ cut: Promise<unknown> }> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  socket.write('POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n');
  await until(() => connections.inFlight === 1);
  return { cut: once(socket, 'close') };
}

async function refuses(server: Server, port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  const refused = await Promise.race([
    once(socket, 'connect').then(() => false),
    once(socket, 'error').then(() => true),
  ]).catch(() => true);
  socket.destroy();
  return refused && !server.listening;
}

describe('a drain', () => {
  test('of an idle process ends after the linger', async () => {
    const { drain, server, port } = await start();
    expect(await drain.start('test')).toBe(true);
    expect(await refuses(server, port)).toBe(true);
  });

  test('serves a keep-alive client that sends during the linger, with "Connection: close"', async () => {
    const { drain, server, port, ask } = await start({ LINGER_SECONDS: 3 });
    expect(await ask('/fast')).toEqual([200, 'fast', 'keep-alive']);
    const drained = drain.start('test');
    await until(() => !server.listening);
    expect(await refuses(server, port)).toBe(true);
    expect(await ask('/fast')).toEqual([200, 'fast', 'close']);
    expect(await drained).toBe(true);
  });

  test('lets a request in flight end, with "Connection: close" though it began before', async () => {
    const { drain, ask, connections } = await start();
    const slow = ask('/slow');
    await until(() => connections.inFlight === 1);
    const drained = drain.start('test');
    expect(await slow).toEqual([200, 'slow', 'close']);
    expect(await drained).toBe(true);
  });

  test('fails /readyz at once and keeps listening for the delay', async () => {
    const { drain, ask } = await start({ DRAIN_DELAY_SECONDS: 2 });
    const drained = drain.start('test');
    const [status, body] = await ask('/readyz');
    expect([status, JSON.parse(body)]).toEqual([503, { status: 'draining', store: 'memory' }]);
    expect(await drained).toBe(true);
  });

  test('lets a slow upload end', async () => {
    const { drain, port, connections } = await start();
    const socket = connect(port, '127.0.0.1');
    socket.write('POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nab');
    await until(() => connections.inFlight === 1);
    const drained = drain.start('test');
    await sleep(600);
    socket.write('cd');
    const [answer] = (await once(socket, 'data')) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1.1 200[^]*Connection: close[^]*\{"bytes":4\}/);
    expect(await drained).toBe(true);
  });

  test('ends event streams cleanly, so that the browser connects again elsewhere', async () => {
    const { drain, ask, connections } = await start();
    const events = ask('/events');
    await until(() => connections.inFlight === 1);
    const drained = drain.start('test');
    const [status, body] = await events;
    expect([status, body]).toEqual([200, ':\n\nevent: hello\ndata: {"worker":1}\n\n']);
    expect(await drained).toBe(true);
  });

  test('does not wait for connections that sent nothing', async () => {
    const { drain, port } = await start({ DRAIN_TIMEOUT_SECONDS: 10 });
    const silent = connect(port, '127.0.0.1');
    await once(silent, 'connect');
    const closed = once(silent, 'close');
    expect(await drain.start('test')).toBe(true);
    await closed;
  });

  test('cuts what is left at the deadline, and logs the number of requests', async () => {
    const started = await start({ LINGER_SECONDS: 0, DRAIN_TIMEOUT_SECONDS: 1 });
    const { drain, lines } = started;
    const { cut } = await openEndlessUpload(started);
    expect(await drain.start('test')).toBe(false);
    expect(lines.lines.at(-1)).toMatchObject({ level: 'error', cut: 1 });
    await cut;
  });

  test('that is forced does not wait for its deadline', async () => {
    const started = await start({ LINGER_SECONDS: 60, DRAIN_TIMEOUT_SECONDS: 3600 });
    const { drain, lines } = started;
    await openEndlessUpload(started);
    const drained = drain.start('first signal');
    drain.force();
    expect(await drained).toBe(false);
    expect(lines.lines.at(-1)?.seconds).toBeLessThan(10);
  });

  test('started twice is one drain', async () => {
    const { drain, lines } = await start({ LINGER_SECONDS: 0 });
    await Promise.all([drain.start('first'), drain.start('second')]);
    expect(lines.lines.map(({ msg, reason }) => [msg, reason])).toEqual([
      ['draining', 'first'],
      ['drained', undefined],
    ]);
  });
});

describe('connections', () => {
  test('a request is in flight until its response is sent', async () => {
    const { connections, ask } = await start();
    const slow = ask('/slow');
    await until(() => connections.inFlight === 1);
    expect(connections.open).toBe(1);
    await slow;
    await until(() => connections.inFlight === 0);
    expect(connections.open).toBe(1);
  });
});

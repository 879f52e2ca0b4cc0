import { once } from 'node:events';
import { request, type ClientRequest, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import { WebSocket, WebSocketServer } from 'ws';
import { sessionOf } from '../../../src/platform/sessions/index.ts';
import { Connections } from '../../../src/platform/lifecycle/connections.ts';
import { Drain } from '../../../src/platform/lifecycle/drain.ts';
import { logInAs, serveAccountEachTest } from '../../support/account-app.ts';
import { sendRaw } from '../../support/http.ts';
import { until } from '../../support/until.ts';

const clients: WebSocket[] = [];
afterEach(() => {
  for (const client of clients.splice(0)) client.terminate();
});
// Behind it: a server closes when its connections have.
const serveAccount = serveAccountEachTest();

/** An app that sends the user's name and what it gets at /echo, for users; /open is for everybody, /broken fails. */
async function serve(env: Record<string, string> = {}) {
  const server = new WebSocketServer({ noServer: true });
  const app = await serveAccount({
    env,
    add: (router, { session, requireUser, webSocket, lifecycle }) => {
      const echo = webSocket((req, { socket, head, onDrain }) => {
        const name = sessionOf(req)?.user?.name ?? 'nobody';
        server.handleUpgrade(req, socket, head, (client) => {
          onDrain(() => {
            client.close(1001, 'going away');
          });
          client.on('message', (data: Buffer) => {
            client.send(`${name}: ${data.toString()}`);
          });
        });
      });
      router.get('/echo', session, requireUser, echo);
      router.get('/open', session, echo);
      router.get(
        '/broken',
        webSocket(() => {
          throw new Error('a bug');
        }),
      );
      router.get(
        '/raw',
        webSocket((_req, { socket }) => {
          socket.write(
            'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n',
          );
        }),
      );
      lifecycle.markReady();
    },
  });
  return { ...app, ws: app.url.replace('http', 'ws') };
}

async function open(url: string, headers: Record<string, string> = {}): Promise<WebSocket> {
  const client = new WebSocket(url, { headers });
  client.on('error', () => undefined);
  clients.push(client);
  await Promise.race([
    once(client, 'open'),
    once(client, 'close').then(([code]: unknown[]) => {
      throw new Error(`closed with ${code as number}`);
    }),
  ]);
  return client;
}

/** The response to an upgrade request that is refused. */
async function refusal(url: string, headers: Record<string, string> = {}) {
  const client = new WebSocket(url, { headers });
  client.on('error', () => undefined);
  const [, response] = (await once(client, 'unexpected-response')) as [ClientRequest, IncomingMessage];
  const body = Buffer.concat((await response.toArray()) as Buffer[]).toString();
  return {
    status: response.statusCode,
    code: (JSON.parse(body) as { code: string }).code,
    headers: response.headers,
  };
}

async function ask(client: WebSocket, text: string): Promise<string> {
  client.send(text);
  const [data] = (await once(client, 'message')) as [Buffer];
  return data.toString();
}

async function metric(app: Awaited<ReturnType<typeof serve>>, name: string): Promise<number | undefined> {
  const found = await app.toolkit.metrics.registry.getSingleMetric(name)?.get();
  return found?.values[0]?.value;
}

describe('an upgrade request', () => {
  test('gets the session of its cookie, an id, and one line with 101', async () => {
    const { url, ws, log } = await serve();
    const client = await open(`${ws}/echo?token=secret`, { Cookie: await logInAs(url), Origin: url });
    expect(await ask(client, 'hello')).toBe('ada: hello');
    await log.waitForLine(({ path, status, level, reqId, query, aborted }) => {
      return (
        path === '/echo' &&
        status === 101 &&
        level === 'info' &&
        !!reqId &&
        !aborted &&
        query !== 'token=secret'
      );
    });
    expect(log.lines.filter(({ path }) => path === '/echo')).toHaveLength(1);
  });

  test.each<[string, string, Record<string, string>, number, string]>([
    ['without a login', '/echo', {}, 401, 'LOGIN_REQUIRED'],
    ['from another site', '/open', { Origin: 'https://evil.example' }, 403, 'CROSS_SITE_REQUEST'],
    ['with Origin null', '/open', { Origin: 'null' }, 403, 'CROSS_SITE_REQUEST'],
    ['marked as cross-site', '/open', { 'Sec-Fetch-Site': 'cross-site' }, 403, 'CROSS_SITE_REQUEST'],
    ['for a path that is not there', '/nothing', {}, 404, 'NOT_FOUND'],
  ])('%s is refused with problem+json', async (_what, path, headers, status, code) => {
    const { ws } = await serve();
    const response = await refusal(ws + path, headers);
    expect(response).toMatchObject({ status, code });
    expect(response.headers).toMatchObject({
      connection: 'close',
      'content-type': expect.stringContaining('application/problem+json'),
      'x-request-id': expect.any(String),
    });
  });

  test('from a site in CORS_ORIGINS is accepted', async () => {
    const { ws } = await serve({ CORS_ORIGINS: 'https://app.example' });
    const client = await open(`${ws}/open`, { Origin: 'https://app.example' });
    expect(await ask(client, 'hello')).toBe('nobody: hello');
  });

  test('above MAX_WEBSOCKETS is refused with 503, and accepted when one has closed', async () => {
    const app = await serve({ MAX_WEBSOCKETS: '1' });
    const first = await open(`${app.ws}/open`);
    expect(await metric(app, 'websockets_open')).toBe(1);
    const refused = await refusal(`${app.ws}/open`);
    expect(refused).toMatchObject({ status: 503, code: 'UNAVAILABLE', headers: { 'retry-after': '1' } });
    first.close();
    await until(async () => (await metric(app, 'websockets_open')) === 0);
    const second = await open(`${app.ws}/open`);
    expect(await ask(second, 'hello')).toBe('nobody: hello');
  });

  test('for another protocol gets the ordinary response of its route, and the connection closes', async () => {
    const { port } = await serve();
    const h2c =
      'Host: localhost\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n\r\n';
    expect(await sendRaw(port, `GET /plain HTTP/1.1\r\n${h2c}`)).toMatch(
      /^HTTP\/1\.1 200 OK\r\n[^]*\{"ok":true\}$/,
    );
    expect(await sendRaw(port, `GET /open HTTP/1.1\r\n${h2c}`)).toMatch(
      /^HTTP\/1\.1 426 Upgrade Required\r\n/,
    );
  });

  test('with a body is refused: Node does not read it', async () => {
    const { port, storeLog } = await serve();
    const response = await sendRaw(
      port,
      'POST /api/session HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\n{}',
    );
    expect(response).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n[^]*"code":"BAD_REQUEST"/);
    await storeLog.waitForLine(({ reason }) => reason === 'upgrade with a body');
  });

  test('sent behind a request that has no response yet closes the connection', async () => {
    const { port, url } = await serve();
    const upgrade =
      'GET /open HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n';
    await sendRaw(port, `GET /visits HTTP/1.1\r\nHost: localhost\r\n\r\n${upgrade}`);
    expect((await fetch(`${url}/plain`)).status).toBe(200);
  });
});

test('a request without an upgrade gets 426', async () => {
  const { url } = await serve();
  const response = await fetch(`${url}/open`);
  expect([response.status, response.headers.get('upgrade')]).toEqual([426, 'websocket']);
  expect(await response.json()).toMatchObject({ code: 'UPGRADE_REQUIRED' });
});

test('an app without WebSockets ignores upgrades', async () => {
  const { port } = await serveAccount();
  const headers = 'Host: localhost\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\n';
  expect(await sendRaw(port, `GET /plain HTTP/1.1\r\n${headers}\r\n`)).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
});

describe('a connection that fails', () => {
  test('before the session is read, or by a reset, ends no process and is not counted', async () => {
    const app = await serve();
    for (let round = 0; round < 20; round++) {
      const socket = connect(app.port, '127.0.0.1');
      socket.on('error', () => undefined);
      socket.write(
        'GET /open HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nx',
      );
      if (round % 2 === 0) await once(socket, 'connect');
      socket.resetAndDestroy();
    }
    for (let round = 0; round < 5; round++) {
      const raw = request({
        port: app.port,
        path: '/raw',
        headers: { Connection: 'Upgrade', Upgrade: 'websocket' },
      }).end();
      const [, socket] = (await once(raw, 'upgrade')) as [IncomingMessage, ReturnType<typeof connect>];
      socket.resetAndDestroy();
    }
    await until(async () => (await metric(app, 'websockets_open')) === 0);
    expect((await fetch(`${app.url}/plain`)).status).toBe(200);
  });

  test('because its handler throws gets a 500, and the error is in the log', async () => {
    const app = await serve();
    expect(await refusal(`${app.ws}/broken`)).toMatchObject({ status: 500, code: 'INTERNAL' });
    await app.log.waitForLine(({ path, status, err }) => path === '/broken' && status === 500 && !!err);
    await until(async () => (await metric(app, 'websockets_open')) === 0);
    expect((await fetch(`${app.url}/plain`)).status).toBe(200);
  });
});

describe('a drain', () => {
  const drainOf = (
    { server, toolkit: { lifecycle, logger, webSockets } }: Awaited<ReturnType<typeof serve>>,
    linger: number,
  ) => {
    const times = { LINGER_SECONDS: linger, DRAIN_TIMEOUT_SECONDS: 8, DRAIN_DELAY_SECONDS: 0 };
    return new Drain({ connections: new Connections(server), webSockets, lifecycle, logger, times });
  };

  test('closes all with 1001, spread over the linger, without waiting for its deadline, and cuts none', async () => {
    const app = await serve();
    const drain = drainOf(app, 1);
    const opened = await Promise.all(Array.from({ length: 20 }, () => open(`${app.ws}/open`)));
    const begun = performance.now();
    const ends = opened.map(async (client) => {
      const [code] = (await once(client, 'close')) as [number];
      return { code, ms: performance.now() - begun };
    });
    expect(await drain.start('test')).toBe(true);
    const closed = await Promise.all(ends);
    expect(new Set(closed.map(({ code }) => code))).toEqual(new Set([1001]));
    const times = closed.map(({ ms }) => ms).sort((a, b) => a - b);
    expect((times.at(-1) ?? 0) - (times[0] ?? 0)).toBeGreaterThan(500);
    expect(await metric(app, 'websockets_cut_total')).toBe(0);
    expect(app.storeLog.lines.map(({ msg }) => msg)).not.toContain('WebSockets were cut');
  });

  test('refuses new ones', async () => {
    const app = await serve();
    app.toolkit.lifecycle.markDraining();
    expect(await refusal(`${app.ws}/open`)).toMatchObject({ status: 503, code: 'UNAVAILABLE' });
  });

  test('cuts those whose clients do not close their side, and counts them', async () => {
    const app = await serve();
    const drain = drainOf(app, 0.1);
    const headers = {
      Connection: 'Upgrade',
      Upgrade: 'websocket',
      'Sec-WebSocket-Version': '13',
      'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
    };
    const dumb = request({ port: app.port, path: '/open', headers }).end();
    const [, socket] = (await once(dumb, 'upgrade')) as [IncomingMessage, ReturnType<typeof connect>];
    const frames: Buffer[] = [];
    socket.on('data', (frame: Buffer) => frames.push(frame)).on('error', () => undefined);
    await open(`${app.ws}/open`);
    expect(await drain.start('test')).toBe(true);
    // A close frame with 1001.
    expect(Buffer.concat(frames).subarray(2, 4).readUInt16BE()).toBe(1001);
    expect(await metric(app, 'websockets_cut_total')).toBe(1);
    await app.storeLog.waitForLine(
      ({ msg, cut, level }) => msg === 'WebSockets were cut' && cut === 1 && level === 'warn',
    );
  });
});

import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { WebSocket, type ClientOptions } from 'ws';
import { AppCopy } from '../support/app-copy.ts';
import { AppHost, PASSWORD } from '../support/deploy/app-host.ts';
import type { Question, Reply } from '../support/deploy/ask.ts';
import { Haproxy } from '../support/deploy/haproxy.ts';
import { Nginx } from '../support/deploy/nginx.ts';
import { describeWith, type TOOLS } from '../support/deploy/tools.ts';
import { until } from '../support/deploy/until.ts';
import { Varnish } from '../support/deploy/varnish.ts';
import { addDocumented } from '../support/docs/run-snippets.ts';
import { useFixtures } from '../support/fixture-features.ts';

const DOMAIN = 'example.com';
const ORIGIN = `https://${DOMAIN}`;

/** More than the connections to a host that the proxies allow for requests (200). */
const MANY = 210;

/** How long a connection is silent: longer than HAProxy's limits for requests are here. */
const SILENT_SECONDS = 11;

/** A running proxy, and how a client reaches it. */
interface Proxy {
  readonly url: string;
  readonly options: ClientOptions;
  ask(path: string, question?: Omit<Question, 'url'>): Promise<Reply>;
  stop(): Promise<void>;
}

const PROXIES: readonly (readonly [
  name: string,
  tools: readonly (keyof typeof TOOLS)[],
  start: (port: number) => Promise<Proxy>,
])[] = [
  [
    'nginx',
    ['nginx', 'openssl'],
    async (port) => {
      const nginx = await Nginx.start({ hosts: [port] });
      return {
        url: `wss://127.0.0.1:${nginx.httpsPort}`,
        options: { ca: nginx.ca, servername: DOMAIN },
        ask: nginx.ask.bind(nginx),
        stop: () => nginx.stop(),
      };
    },
  ],
  [
    'HAProxy',
    ['haproxy', 'openssl'],
    async (port) => {
      // What is silent for longer lives by timeout tunnel. Not shorter: a busy machine needs its time for a login.
      const haproxy = await Haproxy.start({
        hosts: [port, port],
        changes: [
          ['timeout client 30s', `timeout client ${SILENT_SECONDS - 1}s`],
          ['timeout server 60s', `timeout server ${SILENT_SECONDS - 1}s`],
        ],
      });
      await until('the hosts are up', async () => (await haproxy.stateOf('app2')) === 'UP');
      return {
        url: `wss://127.0.0.1:${haproxy.httpsPort}`,
        options: { ca: haproxy.ca, servername: DOMAIN },
        ask: haproxy.ask.bind(haproxy),
        stop: () => haproxy.stop(),
      };
    },
  ],
  [
    'Varnish',
    ['varnish'],
    async (port) => {
      const varnish = await Varnish.start({ hosts: [port, port] });
      await until('the host is healthy', () => varnish.isHealthy('app2_websockets'));
      // As the proxy in front of it that terminates TLS does.
      const headers = { 'X-Forwarded-Proto': 'https' };
      return {
        url: `ws://127.0.0.1:${varnish.port}`,
        options: { headers },
        ask: (path, question = {}) =>
          varnish.ask(path, { ...question, headers: { ...headers, ...question.headers } }),
        stop: () => varnish.stop(),
      };
    },
  ],
];

describe.each(PROXIES)('WebSockets behind %s', (name, tools, start) => {
  describeWith(tools, `deploy/${name.toLowerCase()}`, () => {
    let copy: AppCopy;
    let host: AppHost;
    let proxy: Proxy;
    let cookie: string;
    const clients: WebSocket[] = [];

    beforeAll(async () => {
      copy = await AppCopy.create();
      await useFixtures(copy.file('dist'));
      await addDocumented('docs/websockets.md', copy.file('dist'));
    });
    afterAll(() => copy.remove());
    beforeEach(async () => {
      host = await AppHost.start({}, copy.file('dist/server.js'));
      proxy = await start(host.port);
      const reply = await proxy.ask('/api/session', {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ name: 'ada', password: PASSWORD }),
      });
      cookie = String(reply.headers['set-cookie']?.[0]).split(';', 1)[0] ?? '';
    });
    afterEach(async () => {
      for (const client of clients.splice(0)) client.terminate();
      await proxy.stop();
      await host.stop();
    });

    const connect = (headers: Record<string, string>, options: ClientOptions = {}) => {
      const given = { Host: DOMAIN, Origin: ORIGIN, ...proxy.options.headers, ...headers };
      const client = new WebSocket(`${proxy.url}/chat`, { ...proxy.options, ...options, headers: given });
      client.on('error', () => undefined);
      clients.push(client);
      return client;
    };
    const open = async (options?: ClientOptions) => {
      const client = connect({ Cookie: cookie }, options);
      await once(client, 'open');
      return client;
    };

    test('messages pass, also after a silence, and a drain sends 1001', async () => {
      const client = await open();
      const heard: string[] = [];
      client.on('message', (data: Buffer) => heard.push(data.toString()));
      client.send('hello');
      await until('it is heard', () => heard.length === 1);
      await sleep(SILENT_SECONDS * 1000);
      client.send('again');
      await until('it is heard', () => heard.length === 2);
      expect(heard).toEqual(['ada: hello', 'ada: again']);
      const closed = once(client, 'close');
      host.drain();
      expect((await closed)[0]).toBe(1001);
    });

    test.each([
      ['without a session', {}, 401],
      ['from a page of another site', { Origin: 'https://evil.example' }, 403],
    ])('an upgrade %s is refused by the app', async (_what, headers, status) => {
      const client = connect({ ...(status === 403 && { Cookie: cookie }), ...headers });
      const [, response] = (await once(client, 'unexpected-response')) as [unknown, IncomingMessage];
      expect(response.statusCode).toBe(status);
      response.destroy();
    });

    test(`${MANY} are open at the same time, and requests still pass`, async () => {
      // From several addresses: their number per client is limited.
      const opened = Array.from({ length: MANY }, (_, index) =>
        open({ localAddress: `127.0.0.${3 + (index % 10)}` }),
      );
      await Promise.all(opened);
      expect((await proxy.ask('/api/items/7')).status).toBe(200);
    });
  });
});

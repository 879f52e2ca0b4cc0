import { readdirSync } from 'node:fs';
import { symlink } from 'node:fs/promises';
import { Agent } from 'node:https';
import { createRequire } from 'node:module';
import type { LookupFunction } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { AppCopy } from '../support/app-copy.ts';
import { AppHost, PASSWORD } from '../support/deploy/app-host.ts';
import { Haproxy } from '../support/deploy/haproxy.ts';
import { Nginx } from '../support/deploy/nginx.ts';
import { describeWithNpm } from '../support/deploy/npm-program.ts';
import { describeWith } from '../support/deploy/tools.ts';
import { until } from '../support/deploy/until.ts';
import { addDocumented } from '../support/docs/run-snippets.ts';
import { useFixtures } from '../support/fixture-features.ts';
import { RedisServer } from '../support/redis-server.ts';

const DOMAIN = 'example.com';
const PACKAGES = 'socket.io@4.8.4 engine.io@6 @socket.io/redis-streams-adapter@0.3.1 socket.io-client@4.8.4';
const CLIENTS = 8;

/** As far as these tests need it. */
interface Client {
  readonly connected: boolean;
  readonly io: { readonly engine: { readonly transport: { readonly name: string } } };
  on(event: string, listener: (value: unknown) => void): void;
  emit(event: string, text: string): void;
  disconnect(): void;
}

/** All names are this machine: the client's XMLHttpRequest sends the URL's host, whatever header it is given. */
const lookup: LookupFunction = (_name, _options, callback) => {
  callback(null, '127.0.0.1', 4);
};

/** With what the server said, which the client puts into its error's context. */
function reasonOf(error: unknown): string {
  const { message, context } = error as Error & { context?: { status?: number; responseText?: string } };
  return [message, context?.status, context?.responseText].join(' ').slice(0, 300);
}

const TRANSPORTS: [what: string, transports: string[], last: string][] = [
  ['long polling', ['polling'], 'polling'],
  ['long polling and then an upgrade', ['polling', 'websocket'], 'websocket'],
];

const NGINX_AFFINITY = [
  ['app/upstream.conf', 'zone app 64k;', 'zone app 64k; hash $client_network consistent;'],
  ['app/upstream.conf', ' backup;', ' down;'],
] as const;

const HAPROXY_AFFINITY = [
  ['#cookie app_host', 'cookie app_host'],
  ['#dynamic-cookie-key', 'dynamic-cookie-key'],
] as const;

describeWithNpm(PACKAGES, 'Socket.IO as docs/websockets.md has it', (bin) => {
  const { io } = createRequire(join(bin, '..', 'x.js'))('socket.io-client') as {
    io: (url: string, options: object) => Client;
  };
  let copy: AppCopy;
  let redis: RedisServer;
  let hosts: [AppHost, AppHost];
  const jobs: (() => unknown)[] = [];

  beforeAll(async () => {
    copy = await AppCopy.create();
    await useFixtures(copy.file('dist'));
    await addDocumented('docs/websockets.md', copy.file('dist'), { language: 'mts' });
    const there = new Set(readdirSync(copy.file('node_modules')));
    for (const name of readdirSync(join(bin, '..'))) {
      if (!there.has(name)) await symlink(join(bin, '..', name), copy.file('node_modules', name));
    }
    redis = await RedisServer.start();
  });
  afterAll(async () => {
    await redis.stop();
    await copy.remove();
  });
  beforeEach(() => {
    jobs.length = 0;
  });
  afterEach(async () => {
    for (const job of jobs.splice(0).reverse()) await job();
  });

  const startHosts = async (env: Record<string, string>) => {
    const start = () => AppHost.start({ REDIS_URL: redis.url, ...env }, copy.file('dist/cluster.js'));
    hosts = [await start(), await start()];
    jobs.push(...hosts.map((host) => () => host.stop()));
  };
  const ports = () => hosts.map(({ port }) => port) as [number, number];
  const startNginx = async (affinity: boolean) => {
    const nginx = await Nginx.start({ hosts: ports(), changes: affinity ? NGINX_AFFINITY : [] });
    jobs.push(() => nginx.stop());
    return nginx;
  };
  const startHaproxy = async () => {
    const haproxy = await Haproxy.start({ hosts: ports(), changes: HAPROXY_AFFINITY });
    jobs.push(() => haproxy.stop());
    for (const server of ['app1', 'app2']) {
      await until(`${server} is up`, async () => (await haproxy.stateOf(server)) === 'UP');
    }
    return haproxy;
  };

  /** Logged-in clients with an address each; what each hears, and why it failed to connect. */
  const connect = async (proxy: Nginx | Haproxy, transports: string[]) => {
    const opened = Array.from({ length: CLIENTS }, async (_, index) => {
      const from = `127.0.0.${10 + index}`;
      const reply = await proxy.ask('/api/session', {
        from,
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ name: index % 2 ? 'ada' : 'grace', password: PASSWORD }),
      });
      const cookies = reply.headers['set-cookie'] ?? [];
      const agent = new Agent({
        ca: proxy.ca,
        servername: DOMAIN,
        localAddress: from,
        keepAlive: true,
        lookup,
      });
      jobs.push(() => {
        agent.destroy();
      });
      const client = io(`https://${DOMAIN}:${proxy.httpsPort}`, {
        transports,
        agent,
        ca: proxy.ca,
        forceNew: true,
        reconnectionDelay: 100,
        reconnectionDelayMax: 300,
        extraHeaders: { Cookie: cookies.map((one) => one.split(';', 1)[0]).join('; ') },
      });
      const heard: string[] = [];
      const failures: string[] = [];
      client.on('said', (text) => heard.push(String(text)));
      client.on('connect_error', (error) => failures.push(reasonOf(error)));
      client.on('disconnect', (reason) => failures.push(String(reason)));
      jobs.push(() => {
        client.disconnect();
      });
      return { client, heard, failures };
    });
    return Promise.all(opened);
  };
  type Connected = Awaited<ReturnType<typeof connect>>;
  const areConnected = async (all: Connected) => {
    const condition = () => all.every(({ client }) => client.connected);
    await until('all are connected', condition, { seconds: 30 }).catch((error: unknown) => {
      const failures = all.map((one) => one.failures.slice(0, 3));
      throw new Error(`${(error as Error).message}: ${JSON.stringify(failures)}`);
    });
  };
  const expectAllHear = async (all: Connected, text: string) => {
    all[0]?.client.emit('say', text);
    await until(`all hear ${text}`, () => all.every(({ heard }) => heard.includes(`grace: ${text}`)), {
      seconds: 30,
    });
  };

  describeWith(['nginx', 'redis', 'openssl'], 'deploy/nginx', () => {
    test('WebSockets alone need no affinity over two hosts of two workers, also during a reload of one', async () => {
      await startHosts({ WEB_CONCURRENCY: '2' });
      const all = await connect(await startNginx(false), ['websocket']);
      await areConnected(all);
      await expectAllHear(all, 'hello');
      expect(all.flatMap(({ failures }) => failures)).toEqual([]);
      await hosts[0].reload();
      await areConnected(all);
      await expectAllHear(all, 'again');
      expect(new Set(all.flatMap(({ failures }) => failures))).toEqual(new Set(['transport close']));
    }, 120_000);

    test('long polling fails without affinity', async () => {
      await startHosts({ WEB_CONCURRENCY: '1' });
      const all = await connect(await startNginx(false), ['polling']);
      const failures = () => all.flatMap((one) => one.failures).join('\n');
      await until('some fail', () => failures().includes('Session ID unknown'), { seconds: 30 });
      expect(all.filter((one) => one.failures.length > 0).length).toBeGreaterThan(0);
    }, 120_000);

    test.each(TRANSPORTS)(
      '%s works with affinity by hash',
      async (_what, transports, last) => {
        await startHosts({ WEB_CONCURRENCY: '1' });
        const all = await connect(await startNginx(true), transports);
        await areConnected(all);
        await until('all have chosen', () =>
          all.every(({ client }) => client.io.engine.transport.name === last),
        );
        await expectAllHear(all, 'hello');
        expect(all.flatMap(({ failures }) => failures)).toEqual([]);
      },
      120_000,
    );
  });

  describeWith(['haproxy', 'redis', 'openssl'], 'deploy/haproxy', () => {
    test.each(TRANSPORTS)(
      '%s works with affinity by cookie',
      async (_what, transports, last) => {
        await startHosts({ WEB_CONCURRENCY: '1' });
        const all = await connect(await startHaproxy(), transports);
        await areConnected(all);
        await until('all have chosen', () =>
          all.every(({ client }) => client.io.engine.transport.name === last),
        );
        await expectAllHear(all, 'hello');
        expect(all.flatMap(({ failures }) => failures)).toEqual([]);
      },
      120_000,
    );
  });
});

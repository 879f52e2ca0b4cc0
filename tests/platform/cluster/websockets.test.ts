import { once } from 'node:events';
import { join } from 'node:path';
import { afterEach, expect, test } from '@jest/globals';
import { WebSocket } from 'ws';
import { clusterSuite } from '../../support/cluster/suite.ts';
import type { ClusterProcess } from '../../support/cluster/cluster-process.ts';
import { PASSWORD } from '../../support/deploy/app-host.ts';
import { RedisServer } from '../../support/redis-server.ts';
import { addDocumented } from '../../support/docs/run-snippets.ts';

const suite = clusterSuite();
const clients = new Set<Client>();
afterEach(() => {
  for (const client of clients) client.stop();
  clients.clear();
});

/** Connects again whenever it is told to, after a random time, as a client should. */
class Client {
  readonly #connect: () => WebSocket;
  readonly codes: number[] = [];
  readonly failures: string[] = [];
  #socket: WebSocket;
  #isStopped = false;

  constructor(connect: () => WebSocket) {
    this.#connect = connect;
    this.#socket = this.#open();
    clients.add(this);
  }

  #open(): WebSocket {
    const socket = this.#connect();
    socket.on('error', (error) => this.failures.push(error.message));
    socket.on('close', (code) => {
      if (this.#isStopped) return;
      this.codes.push(code);
      setTimeout(() => {
        if (!this.#isStopped) this.#socket = this.#open();
      }, 100 * Math.random());
    });
    return socket;
  }

  get isOpen(): boolean {
    return this.#socket.readyState === WebSocket.OPEN;
  }

  async say(text: string): Promise<string> {
    const heard = once(this.#socket, 'message') as Promise<[Buffer]>;
    this.#socket.send(text);
    const [data] = await heard;
    return data.toString();
  }

  stop(): void {
    this.#isStopped = true;
    this.#socket.terminate();
  }
}

/** A cluster of two workers with the feature of docs/websockets.md. */
async function start(env: Record<string, string>): Promise<ClusterProcess> {
  const releases = await suite.host();
  const redis = await RedisServer.start();
  suite.cleanUp(() => redis.stop());
  await addDocumented('docs/websockets.md', join(releases.current, 'dist'), {
    renamed: { 'features/index.js': 'features/real.js' },
  });
  return suite.start({
    releases,
    env: { REDIS_URL: redis.url, SESSION_COOKIE_SECURE: 'off', ...env },
  });
}

async function logIn(url: string): Promise<string> {
  const response = await fetch(`${url}/api/session`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ name: 'ada', password: PASSWORD }),
  });
  expect(response.status).toBe(201);
  return response.headers.getSetCookie()[0]?.split(';', 1)[0] ?? '';
}

async function metric(cluster: ClusterProcess, name: string): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${cluster.adminPort}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\d+)`, 'm').exec(text)?.[1]);
}

test('a reload moves the open WebSockets of docs/websockets.md to the new workers, with 1001, and cuts none', async () => {
  const cluster = await start({ LINGER_SECONDS: '1' });
  const cookie = await logIn(cluster.url);
  const url = `${cluster.url.replace('http', 'ws')}/chat`;
  const connect = () => new WebSocket(url, { headers: { Cookie: cookie, Origin: cluster.url } });
  const all = Array.from({ length: 40 }, () => new Client(connect));
  const areOpen = () => all.every(({ isOpen }) => isOpen);
  await cluster.until('all are connected', areOpen);
  expect(await metric(cluster, 'websockets_open')).toBe(40);
  expect(await all[0]?.say('hello')).toBe('ada: hello');

  const before = await cluster.workers();
  expect(await cluster.control('reload')).toMatchObject({ ok: true });
  await cluster.untilStatus('the old workers have stopped', ({ workers }) => {
    return workers.length === 2 && workers.every(({ pid }) => !before.includes(pid ?? 0));
  });
  await cluster.until('all are connected again', areOpen);
  // One that met the second old worker first has moved twice.
  expect(new Set(all.flatMap(({ codes }) => codes))).toEqual(new Set([1001]));
  expect(all.filter(({ codes }) => codes.length === 0)).toEqual([]);
  expect(all.flatMap(({ failures }) => failures)).toEqual([]);
  expect(await all[0]?.say('again')).toBe('ada: again');
  expect(await metric(cluster, 'websockets_cut_total')).toBe(0);
  expect(cluster.lines('worker stopped').map(({ code }) => code)).toEqual([0, 0]);
  expect(cluster.lines('WebSockets were cut')).toEqual([]);
}, 120_000);

test('a client that does not close is cut after five seconds: the worker exits with 0, and its count stays', async () => {
  const cluster = await start({ LINGER_SECONDS: '0.2', DRAIN_TIMEOUT_SECONDS: '30' });
  const cookie = await logIn(cluster.url);
  const deaf = new WebSocket(`${cluster.url.replace('http', 'ws')}/chat`, { headers: { Cookie: cookie } });
  deaf.on('error', () => undefined);
  suite.cleanUp(() => {
    deaf.terminate();
  });
  await once(deaf, 'open');
  deaf.pause();
  expect(await cluster.control('reload')).toMatchObject({ ok: true });
  expect(await cluster.logged('WebSockets were cut')).toMatchObject({ level: 'warn', cut: 1 });
  await cluster.untilStatus('the old workers have stopped', ({ workers }) => workers.length === 2);
  expect(await metric(cluster, 'websockets_cut_total')).toBe(1);
  // The primary's lines come in their own time.
  await cluster.logged('worker stopped', { times: 2 });
  expect(cluster.lines('worker stopped').map(({ code }) => code)).toEqual([0, 0]);
}, 120_000);

import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from '@jest/globals';
import { act, AdminStream, askAdmin } from '../../support/admin.ts';
import { AppProcess } from '../../support/app-process.ts';
import type { ClusterProcess } from '../../support/cluster/cluster-process.ts';
import { signal } from '../../support/cluster/processes.ts';
import { clusterSuite } from '../../support/cluster/suite.ts';
import { TEST_SECRET } from '../../support/config.ts';
import { freePort } from '../../support/redis-server.ts';
import { until } from '../../support/until.ts';

const TOKEN = 'only-for-tests-9b1f-4c22-88ad-07e5';
const suite = clusterSuite();

async function start(env: Readonly<Record<string, string>> = {}) {
  const releases = await suite.host();
  const cluster = await suite.start({ releases, env: { ADMIN_TOKEN: TOKEN, ...env } });
  return { releases, cluster, stream: await watch(cluster.adminPort) };
}

async function watch(port: number): Promise<AdminStream> {
  const stream = await AdminStream.open(port, TOKEN);
  suite.cleanUp(() => {
    stream.close();
  });
  return stream;
}

/** Waits for what a later update of the page has. */
async function untilLive(
  stream: AdminStream,
  condition: (live: AdminStream['live'][number]) => boolean,
): Promise<void> {
  const seen = stream.live.length;
  await until(() => stream.live.slice(seen).some(condition), 40_000).catch((error: unknown) => {
    throw new Error(`${(error as Error).message}\n${JSON.stringify(stream.last)}`);
  });
}

const post = (cluster: ClusterProcess, action: string, body: object = {}) =>
  act(cluster.adminPort, TOKEN, action, body);

describe('the stream of the page', () => {
  test('has the workers, the routes and what is requested', async () => {
    const { cluster, stream } = await start();
    for (let count = 0; count < 5; count++) await cluster.json('/api/items');
    await untilLive(stream, ({ routes }) =>
      routes.some(({ requests, route }) => requests === 5 && route === '/api/items'),
    );
    expect(stream.last?.routes.find(({ route }) => route === '/api/items')).toMatchObject({
      method: 'GET',
      errors: 0,
      slowestMs: expect.any(Number),
    });
    const [one] = stream.last?.workers ?? [];
    expect(one).toMatchObject({ slot: 0, state: 'ready', generation: 1, heapBytes: expect.any(Number) });
    expect(one?.rssBytes).toBeGreaterThan(10_000_000);
    const [facts] = stream.events('facts') as Record<string, Record<string, unknown>>[];
    expect(facts).toMatchObject({ mode: 'cluster', env: 'production', node: process.versions.node });
    expect(facts?.actions).toMatchObject({ reload: { available: true }, 'heap-sample': { available: true } });
    // Redis is away in this suite.
    expect(stream.last?.stores).toEqual({
      kind: 'redis',
      redis: { up: false, latencyMs: null },
      sessions: { up: false, latencyMs: null },
    });
    const later = await watch(cluster.adminPort);
    await until(() => later.events('history').length > 0);
    const [history] = later.events('history') as { responses: Record<string, number> }[][];
    expect(
      (history ?? []).reduce((sum, { responses }) => sum + (responses['2xx'] ?? 0), 0),
    ).toBeGreaterThanOrEqual(5);
  });

  test('goes on while workers crash, hang and are reloaded, and has the reasons', async () => {
    const { cluster, stream } = await start({ HANG_TIMEOUT_SECONDS: '3' });
    await fetch(`${cluster.url}/test/crash`).catch(() => undefined);
    await untilLive(stream, ({ restarts }) => restarts.length === 1);
    expect(stream.last?.restarts[0]).toMatchObject({ reason: 'failed with an uncaught error: Error' });
    expect(stream.last?.errors[0]).toMatchObject({ kind: 'crash', code: 'CRASH' });
    expect(stream.text).not.toContain('a bug nobody caught');
    await untilLive(stream, ({ ready, workers }) => ready === 2 && workers.length === 2);

    const [victim = 0] = await cluster.workers();
    signal(victim, 'SIGSTOP');
    await untilLive(stream, ({ errors }) => errors.some(({ code }) => code === 'HANG'));
    await untilLive(stream, ({ ready, workers }) => ready === 2 && workers.length === 2);

    expect(await post(cluster, 'reload')).toMatchObject({ ok: true });
    await untilLive(stream, ({ generation, reloads }) => generation === 2 && reloads.length === 1);
    expect(stream.last?.reloads[0]).toMatchObject({ ok: true, generation: 2, source: 'operations page' });
    const times = stream.live.map(({ sample }) => sample.at);
    expect(times).toEqual([...times].sort((one, other) => one - other));
    expect(stream.hasEnded || stream.wasCut).toBe(false);
  }, 180_000);

  test('ends cleanly with the primary, and does not delay its stop', async () => {
    const { cluster, stream } = await start({ DRAIN_TIMEOUT_SECONDS: '120' });
    cluster.signal('SIGTERM');
    expect((await cluster.exit()).code).toBe(0);
    await until(() => stream.hasEnded);
    expect(stream.wasCut).toBe(false);
  });

  test('has no secret in any event, whatever happens', async () => {
    const { cluster, stream } = await start({ REDIS_URL: 'redis://ada:hunter2-hunter2@127.0.0.1:1' });
    await fetch(`${cluster.url}/api/items?password=hunter2-hunter2&access_token=hunter2-hunter2`, {
      headers: { Authorization: 'Bearer hunter2-hunter2', Cookie: 'connect.sid=hunter2-hunter2' },
    });
    await fetch(`${cluster.url}/test/crash`).catch(() => undefined);
    await untilLive(stream, ({ restarts }) => restarts.length === 1);
    expect(stream.text).toContain('REDIS_URL');
    for (const secret of [TEST_SECRET, TOKEN, 'hunter2']) expect(stream.text).not.toContain(secret);
    expect(cluster.output).not.toContain(TOKEN);
  });

  test('is refused beyond 20 of 1,000, and the page still responds', async () => {
    const { cluster, stream } = await start();
    const asked = Array.from({ length: 1000 }, () =>
      watch(cluster.adminPort).then(
        () => 1,
        () => 0,
      ),
    );
    const opened = (await Promise.all(asked)).reduce<number>((sum, one) => sum + one, 0);
    expect(opened).toBe(19);
    await untilLive(stream, () => true);
    expect(await post(cluster, 'log-level', { level: 'info' })).toMatchObject({ ok: true });
    expect((await fetch(`${cluster.url}/livez`)).status).toBe(200);
  });
});

describe('the actions of the page', () => {
  test('scale, change the log level, recycle one worker', async () => {
    const { cluster, stream } = await start();
    expect(await post(cluster, 'scale', { count: 3 })).toMatchObject({
      ok: true,
      result: { from: 2, to: 3, message: 'scaled from 2 to 3 workers' },
    });
    await untilLive(stream, ({ target, ready }) => target === 3 && ready === 3);
    expect(await post(cluster, 'scale', { count: 0 })).toMatchObject({ ok: false, error: /minimum/ });
    expect(await post(cluster, 'log-level', { level: 'debug' })).toMatchObject({ ok: true });
    await untilLive(stream, ({ logLevel }) => logLevel === 'debug');

    const before = await cluster.workers();
    expect(await post(cluster, 'recycle', { slot: 1 })).toMatchObject({ ok: true, result: { worker: 1 } });
    await untilLive(stream, ({ restarts }) => restarts[0]?.reason === 'requested');
    await cluster.untilStatus('three serve', ({ workers }) => workers.length === 3);
    const after = await cluster.workers();
    expect(after).toHaveLength(3);
    expect([after[0], after[2]]).toEqual([before[0], before[2]]);
    expect(after[1]).not.toBe(before[1]);
    expect(await post(cluster, 'recycle', { slot: 9 })).toMatchObject({ ok: false, error: /no worker 9/ });
  });

  test('report a new release that fails, and the old workers stay', async () => {
    const { releases, cluster, stream } = await start();
    const before = await cluster.workers();
    await releases.deploy('bad', { server: 'process.exit(1);\n' });
    expect(await post(cluster, 'reload')).toMatchObject({ ok: false, error: /old workers stay/ });
    await untilLive(stream, ({ reloads }) => reloads[0]?.ok === false);
    expect(stream.last?.reloads[0]?.reason).toMatch(/slot 0 exited with 1/);
    expect(await post(cluster, 'recycle', { slot: 0 })).toMatchObject({ ok: false, error: /exited with 1/ });
    // It is not tried again: the worker that was to be replaced serves on.
    await untilLive(stream, ({ state, workers }) => state === 'serving' && workers.length === 2);
    expect(await cluster.workers()).toEqual(before);
  });

  test('make profiles and snapshots, which can be downloaded', async () => {
    const { cluster, releases } = await start();
    const headers = { Authorization: `Bearer ${TOKEN}` };
    for (const [action, body, content] of [
      ['cpu-profile', { slot: 0, seconds: 0.2 }, /^\{"nodes":/],
      ['heap-sample', { slot: 1, seconds: 0.2 }, /^\{"head":/],
      ['heap-snapshot', { slot: 0 }, /^\{"snapshot":/],
    ] as const) {
      const { ok, result } = await post(cluster, action, body);
      const file = String(result?.file);
      expect([action, ok]).toEqual([action, true]);
      expect((await stat(join(releases.root, file))).mode & 0o777).toBe(0o600);
      const { status, text } = await askAdmin(cluster.adminPort, `/files/${file}`, { headers });
      expect([status, content.test(text)]).toEqual([200, true]);
    }
    expect((await askAdmin(cluster.adminPort, '/files/app.pid', { headers })).status).toBe(404);
    expect(await post(cluster, 'cpu-profile', { slot: 0, seconds: 301 })).toMatchObject({ status: 400 });
  });
});

test('npm run ctl -- admin has the link, which logs in', async () => {
  const cluster = await suite.start({ env: { ADMIN_TOKEN: '' } });
  const response = await cluster.control('admin');
  const { url } = (response as { result: { url: string } }).result;
  expect(url).toMatch(new RegExp(`^http://localhost:${cluster.adminPort}/login\\?token=[\\w-]{43}$`));
  const { status, headers } = await askAdmin(cluster.adminPort, new URL(url).search.replace('?', '/login?'));
  expect([status, headers['set-cookie']?.[0]]).toEqual([303, expect.stringContaining('HttpOnly')]);
  expect(await cluster.control('heap-sample', '0', '0.1')).toMatchObject({
    result: { file: expect.stringMatching(/\.heapprofile$/) },
  });
});

describe('one process', () => {
  let app: AppProcess;
  afterEach(() => app.stop());

  async function open(env: Record<string, string>): Promise<number> {
    const port = await freePort();
    app = new AppProcess({ ADMIN_PORT: String(port), DIAGNOSTICS_DIR: '/tmp', ...env });
    await app.url();
    return port;
  }

  test('has the page, with what can be done there and a sentence for what cannot', async () => {
    const port = await open({ ADMIN_TOKEN: TOKEN });
    const stream = await AdminStream.open(port, TOKEN);
    await until(() => stream.live.length > 0);
    const [facts] = stream.events('facts') as { mode: string; actions: Record<string, unknown> }[];
    expect(facts?.mode).toBe('single');
    expect(facts?.actions).toMatchObject({
      reload: { available: false, reason: expect.stringContaining('npm start') },
      scale: { available: false },
      recycle: { available: false },
      'cpu-profile': { available: true },
    });
    expect(stream.last).toMatchObject({ state: 'serving', workers: [{ slot: 0, pid: app.child.pid }] });
    expect(await act(port, TOKEN, 'reload')).toMatchObject({
      ok: false,
      error: expect.stringContaining('restart'),
    });
    expect(await act(port, TOKEN, 'log-level', { level: 'warn' })).toMatchObject({ ok: true });
    expect(await act(port, TOKEN, 'heap-sample', { slot: 0, seconds: 0.1 })).toMatchObject({
      ok: true,
      result: { file: expect.stringMatching(/^worker-0-.*\.heapprofile$/) },
    });
    app.kill('SIGTERM');
    await until(() => stream.hasEnded);
    expect((await app.exit()).code).toBe(0);
  });

  test('under PM2 names the commands of PM2', async () => {
    const port = await freePort();
    app = new AppProcess({
      ADMIN_PORT: String(port),
      ADMIN_TOKEN: TOKEN,
      NODE_APP_INSTANCE: '0',
      name: 'shop',
    });
    await app.url();
    const stream = await AdminStream.open(port, TOKEN);
    await until(() => stream.events('facts').length > 0);
    expect(stream.events('facts')[0]).toMatchObject({
      mode: 'pm2',
      actions: { reload: { available: false, reason: expect.stringMatching(/use pm2 \w+ shop\.$/) } },
    });
    stream.close();
  });

  test('in development has the token in its log, and the errors with their stacks', async () => {
    const port = await open({ NODE_ENV: 'development' });
    const { msg } = await app.logged(/^operations page/);
    const [, token = ''] = /token (\S+)$/.exec(String(msg)) ?? [];
    const stream = await AdminStream.open(port, token);
    await until(() => stream.live.length > 0);
    expect(stream.last).toMatchObject({ state: 'serving' });
    stream.close();
  });

  test('with ADMIN_PORT=0 has none of it', async () => {
    app = new AppProcess({ NODE_ENV: 'development' });
    await app.url();
    expect(app.log.filter(({ msg }) => String(msg).startsWith('operations page'))).toEqual([]);
  });
});

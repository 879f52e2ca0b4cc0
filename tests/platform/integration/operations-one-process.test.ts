import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from '@jest/globals';
import { observeResponse } from '../../../src/platform/http/route-metrics.ts';
import { createHttpServer } from '../../../src/platform/http/server.ts';
import { Connections } from '../../../src/platform/lifecycle/connections.ts';
import { openOperations, watchActivity } from '../../../src/platform/lifecycle/operations.ts';
import { AdminAccess } from '../../../src/platform/observability/admin-access.ts';
import { createAdminServer } from '../../../src/platform/observability/admin.ts';
import { createLogger } from '../../../src/platform/observability/logger.ts';
import { act, AdminStream } from '../../support/admin.ts';
import { createTestApp } from '../../support/test-app.ts';
import { until } from '../../support/until.ts';
import { WHOLE_APP } from '../../support/whole-app.ts';

const TOKEN = 'only-for-tests-9b1f-4c22-88ad-07e5';
const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanUps.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

/** The app and its page, as src/platform/lifecycle/serve.ts puts them together. */
async function start() {
  const folder = await mkdtemp(join(tmpdir(), 'operations-'));
  cleanUps.push(() => rm(folder, { recursive: true }));
  const env = { ADMIN_PORT: '1', ADMIN_TOKEN: TOKEN, DIAGNOSTICS_DIR: folder };
  const opened = await createTestApp(env, WHOLE_APP);
  cleanUps.push(() => opened.close());
  const { app, config, log, lifecycle } = opened;
  const logger = createLogger(config, log);
  const activity = watchActivity(config, opened);
  const server = createHttpServer(app, config, logger);
  const connections = new Connections(server, observeResponse(opened.metrics, activity));
  const access = new AdminAccess(TOKEN);
  const boot = { config, logger, dotenv: 'none', workerEnv: {}, sources: {} };
  const operations = await openOperations(boot, { ...opened, connections, activity }, access);
  const admin = createAdminServer(opened.metrics.registry, config, access, operations?.handler);
  const [port, adminPort] = [await listen(server), await listen(admin)];
  return { url: `http://127.0.0.1:${port}`, adminPort, lifecycle, logger, folder };
}

test('a process without a primary shows its routes, its cache and its own state', async () => {
  const { url, adminPort, lifecycle } = await start();
  const stream = await AdminStream.open(adminPort, TOKEN);
  const statuses = await Promise.all(
    ['/api/items', '/api/items', '/api/nowhere'].map(async (path) => (await fetch(url + path)).status),
  );
  expect(statuses).toEqual([200, 200, 404]);
  await until(
    () =>
      stream.last?.routes.some(({ route, requests }) => route === '/api/items' && requests === 2) ?? false,
  );
  await until(() => stream.live.some(({ sample }) => sample.cacheHitRatio !== null));
  expect(stream.last).toMatchObject({
    state: 'serving',
    target: 1,
    ready: 1,
    workers: [{ slot: 0, pid: process.pid, state: 'ready', rssBytes: expect.any(Number) }],
    stores: { kind: 'memory', redis: null, sessions: { up: true } },
  });
  lifecycle.endStreams();
  await until(() => stream.hasEnded);
});

test('its log level is set and its heap sampled, one at a time, and what needs a primary says so', async () => {
  const { adminPort, logger, folder } = await start();
  const send = (action: string, body: object = {}) => act(adminPort, TOKEN, action, body);
  expect(await send('log-level', { level: 'warn' })).toMatchObject({
    ok: true,
    result: { message: 'the log level is warn' },
  });
  expect(logger.level).toBe('warn');
  expect(await send('log-level', { level: 'loud' })).toMatchObject({ status: 400, ok: false });
  expect(await send('scale', { count: 2 })).toMatchObject({
    status: 409,
    error: expect.stringContaining('npm start runs a primary and workers'),
  });
  expect(await send('heap-sample', { slot: 1, seconds: 0.1 })).toMatchObject({
    ok: false,
    error: 'this process is 0',
  });
  expect(await send('heap-sample', { slot: 0, seconds: 0 })).toMatchObject({ status: 400, ok: false });
  const both = await Promise.all([1, 2].map(() => send('heap-sample', { slot: 0, seconds: 1 })));
  const [done, refused] = both.sort((a, b) => Number(b.ok) - Number(a.ok));
  expect(refused).toMatchObject({ ok: false, error: expect.stringContaining('already') });
  const profile = await readFile(join(folder, String(done?.result?.file)), 'utf8');
  expect(JSON.parse(profile)).toMatchObject({ head: expect.any(Object) });
});

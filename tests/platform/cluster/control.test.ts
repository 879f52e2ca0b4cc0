import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from '@jest/globals';
import type { Status } from '../../../src/platform/supervisor/status.ts';
import type { ClusterProcess } from '../../support/cluster/cluster-process.ts';
import { signal } from '../../support/cluster/processes.ts';
import { clusterSuite } from '../../support/cluster/suite.ts';

const suite = clusterSuite();

const CTL = fileURLToPath(new URL('../../../dist/ctl.js', import.meta.url));

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the client as `npm run ctl` does. */
function ctl(socket: string, ...args: string[]): Promise<Outcome> {
  return ctlAs({}, socket, ...args);
}

function ctlAs(user: { uid?: number; gid?: number }, socket: string, ...args: string[]): Promise<Outcome> {
  return new Promise((resolve) => {
    const env = { PATH: process.env.PATH, CONTROL_SOCKET: socket };
    execFile(process.execPath, [CTL, ...args], { env, ...user }, (error, stdout, stderr) => {
      resolve({ code: Number(error?.code ?? 0), stdout, stderr });
    });
  });
}

/** Runs the client as a user who does not own the socket. Only root can; for others the result is assumed. */
async function asOtherUser(socket: string, folder: string): Promise<Outcome> {
  if (process.getuid?.() !== 0) return { code: 3, stdout: '', stderr: 'belongs to another user' };
  await chmod(folder, 0o755);
  return ctlAs({ uid: 65_534, gid: 65_534 }, socket, 'status');
}

async function json(cluster: ClusterProcess, ...args: string[]): Promise<Record<string, unknown>> {
  const { stdout } = await ctl(cluster.controlSocket, ...args, '--json');
  return JSON.parse(stdout) as Record<string, unknown>;
}

describe('npm run ctl', () => {
  test('reports the status, reloads, scales and stops', async () => {
    const releases = await suite.host();
    const cluster = await suite.start({ releases });
    const run = (...args: string[]) => ctl(cluster.controlSocket, ...args);
    expect((await stat(cluster.controlSocket)).mode & 0o777).toBe(0o600);

    const { stdout } = await run('status');
    expect(stdout).toMatch(/^serving: 2 of 2 ready · generation 1 · primary \d+ · up \d+ s\n/);
    expect(stdout).toMatch(/\n *worker +pid +state +gen +uptime +memory +busy +delay +requests +in flight\n/);
    expect((await json(cluster, 'status')) as unknown as Status).toMatchObject({
      state: 'serving',
      target: 2,
      workers: [{ slot: 0, state: 'ready' }, { slot: 1 }],
    });

    expect(await run('reload')).toMatchObject({ code: 0, stdout: 'reloaded: generation 2 serves\n' });
    expect(await run('scale', '+1')).toMatchObject({ code: 0, stdout: 'scaled from 2 to 3 workers\n' });
    expect(await json(cluster, 'scale', '1')).toEqual({ from: 3, to: 1 });
    const [before] = await cluster.workers();
    expect(await run('recycle', '0')).toEqual({ code: 0, stdout: 'recycled worker 0\n', stderr: '' });
    await cluster.untilStatus('the old worker has gone', ({ workers }) => workers.length === 1);
    expect((await cluster.workers())[0]).not.toBe(before);
    expect(await run('recycle')).toMatchObject({ code: 2, stderr: expect.stringContaining('which worker') });
    expect(await run('scale', '-1')).toMatchObject({ code: 1, stderr: expect.stringContaining('minimum') });
    expect(await run('scale', 'many')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('4, +1 or -1'),
    });

    await releases.deploy('bad', { server: 'process.exit(1);\n' });
    expect(await run('reload')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('the old workers stay'),
    });
    expect((await run('status')).stdout).toContain('last reload was aborted');

    expect(await run('stop')).toMatchObject({ code: 0, stdout: 'stopped\n' });
    expect(await cluster.exit()).toEqual({ code: 0, signal: null });
    expect(await run('status')).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('nothing runs here'),
    });
  }, 90_000);

  test('log-level changes every worker, future ones included, and the access log', async () => {
    const cluster = await suite.start({ env: { WEB_CONCURRENCY: '1' } });
    await cluster.json('/test/log');
    await cluster.logged('request');
    expect(cluster.lines('a debug line')).toEqual([]);
    expect(await ctl(cluster.controlSocket, 'log-level', 'debug')).toMatchObject({ code: 0 });
    await cluster.until('debug lines come', async () => {
      await cluster.json('/test/log');
      return cluster.lines('a debug line').length > 0;
    });
    await ctl(cluster.controlSocket, 'log-level', 'warn');
    await cluster.control('reload');
    await cluster.untilStatus('only the new worker is left', ({ workers }) => workers.length === 1);
    const before = cluster.lines('request').length;
    await cluster.json('/test/log');
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(cluster.lines('request')).toHaveLength(before);
    expect(await ctl(cluster.controlSocket, 'log-level', 'loud')).toMatchObject({ code: 2 });
  }, 60_000);

  test('cpu-profile and heap-snapshot write files that only their owner can read', async () => {
    const cluster = await suite.start({ env: { HANG_TIMEOUT_SECONDS: '2' } });
    const load = await suite.load(cluster, [{ count: 8, method: 'POST', path: '/test/echo' }]);
    const { file } = await json(cluster, 'cpu-profile', '0', '2');
    const profile = JSON.parse(await readFile(String(file), 'utf8')) as {
      nodes: { callFrame: { url: string } }[];
      samples: unknown[];
    };
    expect(profile.samples.length).toBeGreaterThan(100);
    expect(profile.nodes.some(({ callFrame }) => callFrame.url.includes('/access-log.js'))).toBe(true);
    expect((await stat(String(file))).mode & 0o777).toBe(0o600);

    const [first = 0] = await cluster.workers();
    const shot = await json(cluster, 'heap-snapshot', '1');
    expect((await stat(String(shot.file))).mode & 0o777).toBe(0o600);
    const snapshot = JSON.parse(await readFile(String(shot.file), 'utf8')) as { strings: string[] };
    expect(snapshot.strings).toContain('Lifecycle');
    const { ok: _, ...lost } = await load.end();
    expect(lost).toEqual({ failed: 0, reset: 0, hung: 0, first: [] });
    expect((await cluster.workers())[0]).toBe(first);
    expect(cluster.lines('killing a worker')).toEqual([]);

    const { stderr } = await ctl(cluster.controlSocket, 'cpu-profile', '7');
    expect(stderr).toBe('no worker 7 is ready; there are: 0, 1\n');
    expect(await ctl(cluster.controlSocket, 'cpu-profile', '0', '1e9')).toMatchObject({ code: 2 });
  }, 90_000);

  test('reports what is wrong: usage, no socket, another kind of file, another user’s socket', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'ctl-'));
    suite.cleanUp(() => rm(folder, { recursive: true }));
    const path = join(folder, 'control.sock');
    expect(await ctl(path)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('npm run ctl -- status'),
    });
    expect(await ctl(path, 'help')).toMatchObject({ code: 0, stdout: expect.stringContaining('reload') });
    expect(await ctl(path, 'status')).toMatchObject({ code: 3, stderr: expect.stringContaining(path) });
    await writeFile(path, '');
    expect(await ctl(path, 'status')).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('not a socket'),
    });
    expect(await ctl('relative.sock', 'status')).toMatchObject({ code: 78 });
    await rm(path);
    const server = createServer().listen(path);
    await once(server, 'listening');
    suite.cleanUp(() => server.close());
    expect(await asOtherUser(path, folder)).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('belongs to another user'),
    });
  }, 60_000);

  test('replaces the socket of a primary that was killed, and leaves one in use alone', async () => {
    const releases = await suite.host();
    const killed = await suite.start({ releases, env: { WEB_CONCURRENCY: '1' } });
    signal(killed.pid, 'SIGKILL');
    await killed.exit();
    const { stderr } = await ctl(killed.controlSocket, 'status');
    expect(stderr).toContain('was left behind by a primary that was killed');
    const next = await suite.start({ releases, env: { WEB_CONCURRENCY: '1' } });
    expect(await next.status()).toMatchObject({ pid: next.pid });
    const second = await suite.start({ releases, env: { WEB_CONCURRENCY: '1' } });
    await second.logged('cannot open control socket; set CONTROL_SOCKET to an available path');
    expect(await next.status()).toMatchObject({ pid: next.pid });
  }, 60_000);

  test('leaves a file that is not a socket alone', async () => {
    const releases = await suite.host();
    const path = join(releases.root, 'precious');
    await writeFile(path, 'data');
    const cluster = await suite.start({ releases, env: { WEB_CONCURRENCY: '1', CONTROL_SOCKET: path } });
    await cluster.logged('cannot open control socket; set CONTROL_SOCKET to an available path');
    expect(await readFile(path, 'utf8')).toBe('data');
  }, 60_000);

  test('the primary survives any input on its socket', async () => {
    const cluster = await suite.start({ env: { WEB_CONCURRENCY: '1' } });
    const send = async (what: string): Promise<string> => {
      const socket = connect(cluster.controlSocket);
      socket.on('error', () => undefined);
      socket.end(what);
      return text(socket).catch(() => '');
    };
    for (const nonsense of [
      '\n',
      'null\n',
      '{}\n',
      '[]\n',
      '{"command":"toString"}\n',
      '{"command":1}\n',
      '{"com',
    ]) {
      expect([nonsense, JSON.parse(await send(nonsense))]).toMatchObject([
        nonsense,
        { ok: false, error: expect.any(String) },
      ]);
    }
    expect(await send('x'.repeat(100_000))).toBe('');
    expect(await send('')).toBe('');
    const unread = connect(cluster.controlSocket);
    unread.write('{"command":"status"}\n');
    await once(unread, 'connect');
    unread.destroy();
    expect(await cluster.status()).toMatchObject({ state: 'serving' });
  }, 60_000);
});

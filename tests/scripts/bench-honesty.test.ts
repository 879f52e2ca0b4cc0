import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { ask, assertKeepsItsPromises, assertProven, type Answer } from '../../bench/lib/check.mjs';
import { pin } from '../../bench/lib/pin.mjs';
import { ServerProcess } from '../../bench/lib/server-process.mjs';

const JSON_TYPE = 'application/json; charset=utf-8';
const HELLO: Answer = { status: 200, headers: { etag: '"1"' }, type: JSON_TYPE, body: '{"hello":"world"}' };
const answers = new Map([['bare', HELLO]]);

describe('a variant is refused that', () => {
  const row = { title: 'a variant', same: 'bare', promises: ['x-request-id'], drops: ['etag'] };
  const good: Answer = { ...HELLO, headers: { 'x-request-id': '1' } };

  test.each<[string, Partial<Answer>, string]>([
    ['answers something else', { body: '{"hello":"World"}' }, 'another body than "bare"'],
    ['answers with another type', { type: 'text/html' }, 'another type than "bare": text/html'],
    ['fails', { status: 503 }, 'status 503'],
    ['leaves a promised header out', { headers: {} }, 'no x-request-id header'],
    ['keeps a header it must drop', { headers: { ...good.headers, etag: '"1"' } }, 'a etag header'],
  ])('%s', (_what, change, message) => {
    expect(() => {
      assertKeepsItsPromises(row, { ...good, ...change }, answers);
    }).toThrow(`a variant: ${message}`);
    expect(() => {
      assertKeepsItsPromises(row, good, answers);
    }).not.toThrow();
  });

  test('has not the layer that it is measured for', () => {
    const layer = { title: 'a layer', proof: { path: '/livez', status: 200, header: 'x-live' } };
    expect(() => {
      assertProven(layer, { ...HELLO, status: 404 });
    }).toThrow('a layer: /livez answers 404');
    expect(() => {
      assertProven(layer, HELLO);
    }).toThrow('as if it were not there');
    expect(() => {
      assertProven(layer, { ...HELLO, headers: { 'x-live': '1' } });
    }).not.toThrow();
  });
});

describe('the lines that a server wrote are counted:', () => {
  let directory = '';
  let server: ServerProcess;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'bench-honesty-'));
    const args = [fileURLToPath(new URL('../fixtures/logs-some.mjs', import.meta.url))];
    server = await ServerProcess.start({ name: 'logs-some', args, directory });
  });

  afterEach(async () => {
    await server.stop();
    await rm(directory, { recursive: true });
  });

  async function request(...paths: string[]): Promise<void> {
    for (const path of paths) await ask(server, path);
    server.expectLines('"msg":"request"', paths.length);
    await server.stop();
  }

  test('one for each request is right', async () => {
    await request('/', '/');
    await expect(server.countLines()).resolves.toBe(2);
  });

  test('one less is refused', async () => {
    await request('/', '/unlogged', '/');
    await expect(server.countLines()).rejects.toThrow('logs-some: 3 requests, but 2 lines in the log');
  });
});

test('all servers get one core, and the client another where there are two', async () => {
  const idle = () => spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
  const processes = [idle(), idle(), idle()];
  const [load = 0, ...servers] = processes.map(({ pid }) => pid ?? 0);
  try {
    const before = await coresOf(load);
    await pin(
      servers.map((pid) => ({ pids: () => Promise.resolve([pid]) })),
      { pid: load },
    );
    const [first, second] = await Promise.all(servers.map(coresOf));
    expect(first).toMatch(/^\d+$/);
    expect(second).toBe(first);
    const client = await coresOf(load);
    expect(client).toMatch(/^\d+$/);
    // One core only: they share it.
    expect(client === first).toBe(/^\d+$/.test(before));
  } finally {
    processes.forEach((child) => child.kill());
  }
});

async function coresOf(pid: number): Promise<string> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return /^Cpus_allowed_list:\s*(.+)$/m.exec(status)?.[1] ?? '';
}

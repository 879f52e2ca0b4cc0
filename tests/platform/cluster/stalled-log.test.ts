import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text as textOf } from 'node:stream/consumers';
import { afterEach, describe, expect, test } from '@jest/globals';
import { until } from '../../support/deploy/until.ts';
import { productionEnv } from '../../support/production-env.ts';
import { OUTPUTS, type Output } from '../../support/stalled-output.ts';

const jobs: (() => unknown)[] = [];
afterEach(async () => {
  for (const job of jobs.splice(0).reverse()) await job();
});

async function open(kind: keyof typeof OUTPUTS): Promise<Output> {
  const output = await OUTPUTS[kind]();
  jobs.push(() => output.close());
  return output;
}

interface Stalled {
  readonly child: ChildProcess;
  readonly url: string;
  /** How it ended. */
  readonly ended: Promise<unknown[]>;
}

/** A built entry whose log, and stderr, goes to an output that is full and not read. */
async function startStalled(
  entry: string,
  output: Output,
  env: Record<string, string> = {},
): Promise<Stalled> {
  const folder = await mkdtemp(join(tmpdir(), 'stalled-'));
  jobs.push(() => rm(folder, { recursive: true }));
  const processEnv = await productionEnv(folder, { ADMIN_PORT: '0', ...env });
  const args = ['--import', './tests/fixtures/crash-on-signal.mjs', `dist/${entry}.js`];
  const child = spawn(process.execPath, args, {
    env: processEnv,
    stdio: ['ignore', output.stdio, output.stdio],
  });
  const ended = once(child, 'exit');
  jobs.push(() => child.kill('SIGKILL'));
  const url = `http://127.0.0.1:${processEnv.PORT}`;
  await until(`${entry} serves`, () => isServing(url));
  // A pipe holds 64 KiB and a socket about 200, each line has 2.
  const path = `/livez/${'x'.repeat(2000)}`;
  for (let asked = 0; asked < 200; asked++) await (await fetch(url + path)).arrayBuffer();
  return { child, url, ended };
}

function isServing(url: string): Promise<boolean> {
  return fetch(`${url}/livez`).then(
    ({ ok }) => ok,
    () => false,
  );
}

describe.each(['a pipe', 'a socket'] as const)('with a log to %s without a reader', (kind) => {
  test.each(['server', 'cluster'])(
    '%s.js serves on, and ends on SIGTERM',
    async (entry) => {
      const { child, url, ended } = await startStalled(entry, await open(kind));
      expect(await isServing(url)).toBe(true);
      child.kill('SIGTERM');
      expect(await ended).toEqual([0, null]);
    },
    60_000,
  );

  test.each(['server', 'cluster'])(
    '%s.js ends after a crash',
    async (entry) => {
      const { child, ended } = await startStalled(entry, await open(kind));
      child.kill('SIGUSR2');
      expect(await ended).toEqual([1, null]);
    },
    60_000,
  );

  test('a wrong configuration ends it with 78', async () => {
    const output = await open(kind);
    // Ends by a signal: Node would make the output wait again.
    const text = "process.stdout.write('x'.repeat(1e6)); setInterval(() => 0, 1000); process.send('full')";
    const fill = spawn(process.execPath, ['-e', text], { stdio: ['ignore', output.stdio, 'inherit', 'ipc'] });
    jobs.push(() => fill.kill('SIGKILL'));
    await once(fill, 'message');
    const child = spawn(process.execPath, ['dist/server.js'], {
      env: { PATH: process.env.PATH, PORT: 'eighty' },
      stdio: ['ignore', output.stdio, output.stdio],
    });
    jobs.push(() => child.kill('SIGKILL'));
    expect(await once(child, 'exit')).toEqual([78, null]);
  }, 60_000);
});

test('a pretty log does not delay the end either', async () => {
  const { child, ended } = await startStalled('server', await open('a pipe'), { LOG_FORMAT: 'pretty' });
  child.kill('SIGTERM');
  expect(await ended).toEqual([0, null]);
}, 60_000);

describe.each(['a pipe', 'a socket'] as const)('lines of two processes on %s that is read slowly', (kind) => {
  test('are never torn, and none is lost', async () => {
    const output = await open(kind);
    const writers = [1, 2].map(() =>
      spawn(process.execPath, ['tests/fixtures/logs-lines.mjs'], {
        stdio: ['ignore', output.stdio, 'inherit'],
      }),
    );
    const ended = writers.map(async (writer) => once(writer, 'exit'));
    let text = '';
    await until(
      'all lines are there',
      () => {
        for (let chunks = 0; chunks < 20; chunks++) text += output.read();
        return text.split('"msg":"line"').length > 2000;
      },
      { seconds: 60 },
    );
    await Promise.all(ended);
    text += output.read();
    const lines = text.trimEnd().split('\n');
    expect(lines).toHaveLength(2000);
    const parsed = lines.map((line) => JSON.parse(line) as { pid: number; line: number; shortened?: true });
    for (const { pid } of writers) {
      const own = parsed.filter((line) => line.pid === pid);
      expect(own.map(({ line }) => line)).toEqual(Array.from({ length: 1000 }, (_, line) => line));
    }
    // They are read as Latin 1, so a byte is a character.
    expect(Math.max(...lines.map(({ length }) => length))).toBeLessThan(4096);
    expect(parsed.some(({ shortened }) => shortened)).toBe(true);
  }, 90_000);
});

test('the end of a process loses no line, whatever its output is doing', async () => {
  // Node makes it a socket, as systemd's journal is one.
  const child = spawn(process.execPath, ['tests/fixtures/exits-while-logging.mjs'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const closed = once(child, 'close') as Promise<[number]>;
  const [text, [code]] = [await textOf(child.stdout), await closed];
  expect([code, text]).toEqual([0, expect.stringMatching(/^\{.*"msg":"the last line"\}\n$/)]);
});

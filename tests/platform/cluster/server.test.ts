import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterEach, describe, expect, test } from '@jest/globals';
import { ECHO_MS } from '../../../src/platform/lifecycle/signals.ts';
import { AppProcess } from '../../support/app-process.ts';
import { until } from '../../support/until.ts';
import { TEST_SECRET } from '../../support/config.ts';
import { sendRaw } from '../../support/http.ts';
import { freePort } from '../../support/redis-server.ts';

const run = promisify(execFile);

const running: AppProcess[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((app) => app.stop()));
});

function start(...args: ConstructorParameters<typeof AppProcess>): AppProcess {
  const app = new AppProcess(...args);
  running.push(app);
  return app;
}

describe('the built server', () => {
  test('serves without any configuration, and says that it keeps everything in memory and how to change that', async () => {
    const app = start();
    const url = await app.url();
    expect((await fetch(url)).status).toBe(200);
    expect(await (await fetch(`${url}/readyz`)).json()).toEqual({ status: 'ready', store: 'memory' });
    expect(app.log.filter(({ msg }) => String(msg).includes('set REDIS_URL to keep them'))).toHaveLength(1);
  });

  test('exits with 78 when the configuration is wrong, with one line a problem', async () => {
    const app = start({ NODE_ENV: 'production', PORT: 'eighty', SESSION_SECRETS: 'sekrit' });
    expect(await app.exit()).toEqual({ code: 78, signal: null });
    expect(app.stderr.trim().split('\n')).toEqual([
      'config: PORT must be a whole number from 0 to 65535',
      expect.stringMatching(/^config: REDIS_URL is missing/),
      expect.stringMatching(/^config: SESSION_SECRETS has one shorter/),
    ]);
    expect(app.stdout + app.stderr).not.toMatch(/sekrit|eighty|\bat /);
  });

  test('does not open the inspector on SIGUSR1', async () => {
    const app = start();
    const url = await app.url();
    app.child.kill('SIGUSR1');
    expect((await fetch(url)).status).toBe(200);
    await sleep(100);
    expect(app.stderr).not.toContain('Debugger listening');
  });

  test('takes less than a second of a processor to do so', async () => {
    const command = `PORT=eighty "${process.execPath}" dist/server.js 2>/dev/null; times`;
    const { stdout } = await run('sh', ['-c', command], { env: { PATH: process.env.PATH } });
    // The second line is of the children: user and system time, as 0m0.180000s.
    const [, children = ''] = stdout.trim().split('\n');
    const seconds = [...children.matchAll(/(\d+)m([\d.]+)s/g)].map(([, m, s]) => Number(m) * 60 + Number(s));
    expect(seconds).toHaveLength(2);
    expect((seconds[0] ?? 0) + (seconds[1] ?? 0)).toBeLessThan(1);
  });

  test('says so when its port is taken, and exits with 1', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const app = start({ PORT: String(port) });
    expect(await app.exit()).toEqual({ code: 1, signal: null });
    expect(app.stdout).toContain(`can't listen on 127.0.0.1:${port} (EADDRINUSE): another process does`);
    other.close();
  });

  test('serves metrics on the admin port only, by route and not by path', async () => {
    const adminPort = await freePort();
    const app = start({ ADMIN_PORT: String(adminPort) });
    const url = await app.url();
    await fetch(`${url}/api/items/1`);
    await fetch(`${url}/API/Items/1`);
    await fetch(`${url}/api/items/none`);
    await fetch(`${url}/made-up-${'x'.repeat(20)}`);
    expect((await fetch(`${url}/metrics`)).status).toBe(404);
    let metrics = '';
    // A request is counted when its response is out.
    await until(async () => {
      metrics = await (await fetch(`http://127.0.0.1:${adminPort}/metrics`)).text();
      return metrics.includes('{method="GET",route="other",status="404"} 2');
    });
    expect(metrics).toContain(
      'http_request_duration_seconds_count{method="GET",route="/api/items/:id",status="200"} 2',
    );
    expect(metrics).toContain(
      'http_request_duration_seconds_count{method="GET",route="/api/items/:id",status="400"} 1',
    );
    expect(metrics).toContain(
      'http_request_duration_seconds_count{method="GET",route="other",status="404"} 2',
    );
    expect(metrics).not.toContain('made-up');
    expect(metrics).toContain('nodejs_eventloop_lag_seconds');
  });

  test('survives a target that Express itself does not read, and logs it', async () => {
    const app = start();
    const { port } = new URL(await app.url());
    const answer = await sendRaw(
      Number(port),
      'GET http://[ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
    );
    expect(answer).toContain('"code":"MALFORMED_URL"');
    const line = await app.logged('request');
    expect(line).toMatchObject({ path: 'http://[', status: 400, code: 'MALFORMED_URL' });
    expect((await fetch(`http://127.0.0.1:${port}/livez`)).status).toBe(200);
  });

  test('in production shows no stack, path or version, and no demo user', async () => {
    const app = start({ NODE_ENV: 'production', STORE: 'memory', SESSION_SECRETS: TEST_SECRET });
    const url = await app.url();
    const response = await fetch(`${url}/api/search?params=[`);
    const text = JSON.stringify([...response.headers]) + (await response.text());
    expect(response.status).toBe(400);
    expect(text).not.toMatch(/express|node_modules|dist\/|\d+\.\d+\.\d+/i);
    expect(app.stdout).not.toContain('demo');
    expect(app.log[0]).toMatchObject({ level: 'warn' });
  });
});

describe('leaving', () => {
  test.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)('%s drains and exits with 0', async (signal) => {
    const app = start();
    await app.url();
    app.kill(signal);
    expect(await app.exit()).toEqual({ code: 0, signal: null });
    expect(app.log.at(-1)).toMatchObject({ msg: 'drained' });
  });

  test("PM2's shutdown message does too, and PM2's wait_ready is told", async () => {
    const app = start({}, { ipc: true });
    const [message] = (await once(app.child, 'message')) as [unknown];
    expect(message).toBe('ready');
    app.child.send('shutdown');
    expect(await app.exit()).toEqual({ code: 0, signal: null });
  });

  test('a second signal is quick', async () => {
    const app = start({ LINGER_SECONDS: '60', DRAIN_TIMEOUT_SECONDS: '60' });
    await app.url();
    app.kill('SIGTERM');
    await app.logged('draining');
    // Sooner, it would be taken for an echo of the first.
    await sleep(ECHO_MS + 100);
    app.kill('SIGTERM');
    expect(await app.exit()).toEqual({ code: 0, signal: null });
  });

  test('no log line is lost, of all requests that were answered before SIGTERM', async () => {
    const app = start();
    const url = await app.url();
    const count = 500;
    await Promise.all(Array.from({ length: count }, async () => (await fetch(`${url}/api/items/1`)).text()));
    app.kill('SIGTERM');
    await app.exit();
    expect(app.log.filter(({ msg }) => msg === 'request')).toHaveLength(count);
  });

  test('a crash is logged in full, loses no line before it, and the exit is not zero', async () => {
    const app = start({}, { nodeArgs: ['--import', './tests/fixtures/crash-on-signal.mjs'] });
    const url = await app.url();
    await (await fetch(`${url}/api/items/1`)).text();
    app.kill('SIGUSR2');
    expect((await app.exit()).code).toBe(1);
    expect(app.log.filter(({ msg }) => msg === 'request')).toHaveLength(1);
    expect(app.log.at(-1)).toMatchObject({
      level: 'fatal',
      msg: 'crash',
      origin: 'uncaughtException',
      err: { message: 'a bug in a timer', stack: expect.stringContaining('crash-on-signal.mjs') },
    });
  });
});

describe('a log on a full disk', () => {
  test.each(['server', 'cluster'])(
    '%s.js serves on, and leaves when it is told to',
    async (entry) => {
      const port = await freePort();
      const full = openSync('/dev/full', 'w');
      const folder = await mkdtemp(join(tmpdir(), 'full-'));
      const app = spawn(process.execPath, [`tests/fixtures/whole-app/${entry}.js`], {
        env: {
          PATH: process.env.PATH,
          HOST: '127.0.0.1',
          PORT: String(port),
          ADMIN_PORT: '0',
          CONTROL_SOCKET: join(folder, 'control.sock'),
          LOG_FORMAT: 'json',
          LINGER_SECONDS: '0.2',
        },
        stdio: ['ignore', full, 'inherit'],
      });
      const url = `http://127.0.0.1:${port}`;
      try {
        await until(
          () =>
            fetch(url).then(
              ({ ok }) => ok,
              () => false,
            ),
          20_000,
        );
        // The first line was refused by now, and those of these requests are.
        for (let asked = 0; asked < 5; asked++) {
          await sleep(50);
          expect((await fetch(`${url}/api/items/1`)).status).toBe(200);
        }
        app.kill('SIGTERM');
        expect(await once(app, 'exit')).toEqual([0, null]);
      } finally {
        app.kill('SIGKILL');
        closeSync(full);
        await rm(folder, { recursive: true });
      }
    },
    40_000,
  );
});

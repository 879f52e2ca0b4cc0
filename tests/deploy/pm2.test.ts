import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, readlink, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { sessionCookie } from '../../src/session.ts';
import { PASSWORD } from '../support/deploy/app-host.ts';
import { describeWithNpm } from '../support/deploy/npm-program.ts';
import { isRunning, Pm2, PM2 } from '../support/deploy/pm2.ts';
import { copyRelease, linkCurrent } from '../support/deploy/releases.ts';
import { repositoryPath, WorkFolder } from '../support/deploy/render.ts';
import { startSlowUpload } from '../support/deploy/slow-upload.ts';
import { until } from '../support/deploy/until.ts';
import { allAnswered, Visitors } from '../support/deploy/visitors.ts';
import { freePort } from '../support/redis-server.ts';

const run = promisify(execFile);
const ROOT = repositoryPath();
const SECRET = 'a-secret-of-the-host-3e91-c04d-7ab2-58f6';
const START = ['start', 'ecosystem.config.js', '--env', 'production'];

describeWithNpm(PM2, 'PM2', (bin) => {
  let pm2: Pm2;
  let port: number;
  let visitors: Visitors | undefined;

  beforeAll(async () => {
    port = await freePort();
    pm2 = await Pm2.create(bin, {
      PORT: String(port),
      WEB_CONCURRENCY: '2',
      // How often PM2 looks at the memory: half a minute, unless told.
      PM2_WORKER_INTERVAL: '500',
    });
    await pm2.run(START, { cwd: ROOT });
  });

  afterEach(() => {
    visitors?.kill();
    visitors = undefined;
  });

  afterAll(async () => {
    await pm2.kill();
  });

  const visit = async (path = '/livez') => (visitors = await Visitors.on(`http://127.0.0.1:${port}${path}`));
  const statuses = async () => (await pm2.list()).map(({ pm2_env }) => pm2_env.status);

  test('starts as many instances as WEB_CONCURRENCY says, in production mode, on one port', async () => {
    expect(await statuses()).toEqual(['online', 'online']);
    const response = await fetch(`http://127.0.0.1:${port}/readyz`);
    expect(response.status).toBe(200);
  });

  test('the log of all instances is in one file, and is shown as it comes', async () => {
    await until('both have logged their start', async () => {
      return (await pm2.logs('logs/app-out.log')).split('"env":"production"').length === 3;
    });
    const follow = spawn(pm2.command('pm2'), ['logs', 'app', '--raw', '--lines', '0'], { env: pm2.env });
    let shown = '';
    follow.stdout.on('data', (chunk: Buffer) => (shown += chunk.toString()));
    await until('a request is shown', async () => {
      await fetch(`http://127.0.0.1:${port}/readyz?look`);
      return shown.includes('"msg":"request"');
    });
    expect(shown).toMatch(/^\{.*"path":"\/readyz.*\}$/m);
    follow.kill();
    await once(follow, 'exit');
  });

  test('reload replaces all instances five times, and no request fails', async () => {
    const load = await visit();
    for (let round = 0; round < 5; round++) {
      const before = await pm2.pids();
      await pm2.run(['reload', 'app']);
      const after = await pm2.pids();
      expect(after).toHaveLength(2);
      expect(after.filter((pid) => before.includes(pid))).toEqual([]);
      await load.more(20);
    }
    const counts = await load.stop();
    expect(counts).toMatchObject(allAnswered(counts));
    // The last words of each instance are in the log as well.
    const drained = (await pm2.logs('logs/app-out.log')).match(/"msg":"drained"/g);
    expect(drained).toHaveLength(10);
  }, 120_000);

  test('scale +1 adds an instance, and no request fails; scale 2 takes it away again', async () => {
    const load = await visit();
    await pm2.run(['scale', 'app', '+1']);
    await until('three instances are online', async () => {
      return (await statuses()).join() === 'online,online,online';
    });
    await load.more(50);
    await pm2.run(['scale', 'app', '2']);
    await until('two instances are online', async () => (await statuses()).join() === 'online,online');
    await load.more(50);
    const counts = await load.stop();
    expect(counts).toMatchObject(allAnswered(counts));
  });

  test('an instance that is killed comes back', async () => {
    const [victim] = await pm2.list();
    if (!victim) throw new Error('there is no instance');
    process.kill(victim.pid, 'SIGKILL');
    await until('it was started again', async () => {
      const now = (await pm2.list()).find(({ pm_id }) => pm_id === victim.pm_id);
      return now?.pm2_env.status === 'online' && now.pid !== victim.pid && isRunning(now.pid);
    });
    expect((await fetch(`http://127.0.0.1:${port}/readyz`)).status).toBe(200);
  });

  test('an instance above the memory limit is reloaded, and no request fails', async () => {
    const file = join(await mkdtemp(join(tmpdir(), 'pm2-memory-')), 'small.config.mjs');
    const app = `{ ...original[0], name: 'small', instances: 1, max_memory_restart: '20M' }`;
    await writeFile(
      file,
      `import { apps as original } from '${ROOT}ecosystem.config.js';\nexport const apps = [${app}];`,
    );
    const other = String(await freePort());
    await pm2.run(['start', file, '--env', 'production'], { env: { PORT: other } });
    visitors = await Visitors.on(`http://127.0.0.1:${other}/livez`);
    const [first] = await pm2.list('small');
    await until('it is another process', async () => {
      const [now] = await pm2.list('small');
      return now?.pm2_env.status === 'online' && now.pid !== first?.pid;
    });
    const counts = await visitors.stop();
    expect(counts).toMatchObject(allAnswered(counts));
    await pm2.run(['delete', 'small']);
    await rm(join(file, '..'), { recursive: true });
  }, 90_000);

  test('a bad configuration ends with 78 and is not tried again', async () => {
    const bad = await Pm2.create(bin, { PORT: 'a port', WEB_CONCURRENCY: '1' });
    try {
      await bad.run(START, { cwd: ROOT });
      await sleep(3000);
      const [instance] = await bad.list();
      expect(instance?.pid).toBe(0);
      expect(instance?.pm2_env).toMatchObject({ status: 'waiting restart', restart_time: 0, exit_code: 78 });
      expect(await bad.logs('logs/app-error.log')).toMatch(/^config: PORT .*\n$/);
    } finally {
      await bad.kill();
    }
  });

  test('on a fresh clone builds, and with nothing configured names all that is missing', async () => {
    const clone = await WorkFolder.create('pm2-clone');
    const nothing = { STORE: '', SESSION_SECRETS: '', WEB_CONCURRENCY: '1', PORT: String(await freePort()) };
    const fresh = await Pm2.create(bin, nothing);
    try {
      await run('git', ['clone', '--quiet', '--depth', '1', `file://${ROOT}`, clone.join('app')]);
      await symlink(repositoryPath('node_modules'), clone.join('app', 'node_modules'));
      await fresh.run(['start', 'ecosystem.config.js'], { cwd: clone.join('app') });
      await until(
        'the instance has ended',
        async () => (await fresh.list())[0]?.pm2_env.status === 'waiting restart',
      );
      const problems = (await fresh.logs('logs/app-error.log')).trim().split('\n');
      expect(problems).toEqual([
        expect.stringMatching(/^config: REDIS_URL is missing/),
        expect.stringMatching(/^config: SESSION_SECRETS is missing/),
      ]);
      const settings = `STORE=memory\nSESSION_SECRETS=${SECRET}\n`;
      await writeFile(clone.join('app', '.env'), settings);
      await fresh.run(['restart', 'app']);
      expect(await answers(`http://127.0.0.1:${nothing.PORT}/readyz`)).toBe(true);
    } finally {
      await fresh.kill();
      await clone.remove();
    }
  }, 180_000);

  test('a reload after `current` was switched runs the other release; PM2 never knows a secret of .env', async () => {
    const host = await mkdtemp(join(tmpdir(), 'pm2-host-'));
    for (const version of ['1.0.0', '1.1.0']) await copyRelease(host, version, `SESSION_SECRETS=${SECRET}\n`);
    await linkCurrent(host, '1.0.0');
    port = await freePort();
    const other = await Pm2.create(bin, { PORT: String(port), WEB_CONCURRENCY: '2', SESSION_SECRETS: '' });
    try {
      await other.run(START, { cwd: join(host, 'current') });
      const load = await visit('/version.txt');
      await load.answers('1.0.0');
      await linkCurrent(host, '1.1.0');
      await other.run(['reload', 'app']);
      await load.answers('1.1.0');
      expect(await other.run(['jlist'])).not.toContain(SECRET);
      const counts = await load.stop();
      expect(counts).toMatchObject(allAnswered(counts));
    } finally {
      await other.kill();
      await rm(host, { recursive: true });
    }
  }, 90_000);

  test('post-deploy.sh makes a release of a checkout, switches to it and starts it', async () => {
    const host = await WorkFolder.create('pm2-deploy');
    const own = String(await freePort());
    const other = await Pm2.create(bin, { PORT: own, WEB_CONCURRENCY: '1', SESSION_SECRETS: '' });
    try {
      await mkdir(host.join('releases'));
      await writeFile(host.join('app.env'), `SESSION_SECRETS=${SECRET}\n`);
      host.render('pm2/post-deploy.sh', 'post-deploy.sh', [['/srv/app', host.path]]);
      await run('git', ['clone', '--quiet', '--depth', '1', `file://${ROOT}`, host.join('build')]);
      // `npm ci` is tested by whoever runs it before these tests; here it would only cost a minute.
      const npm = `#!/bin/sh\n[ "$1" = ci ] && exec ln -s ${ROOT}node_modules node_modules\nPATH=$REAL_PATH exec npm "$@"\n`;
      await mkdir(host.join('bin'));
      await writeFile(host.join('bin', 'npm'), npm, { mode: 0o755 });
      const PATH = `${host.join('bin')}:${bin}:${other.env.PATH ?? ''}`;
      const env = { ...other.env, PATH, REAL_PATH: other.env.PATH, APP_ENV: host.join('app.env') };
      await run('sh', [host.join('post-deploy.sh')], { cwd: host.join('build'), env });
      const { stdout: version } = await run('git', ['describe', '--tags', '--always'], {
        cwd: host.join('build'),
      });
      expect(await readlink(host.join('current'))).toBe(`releases/${version.trim()}`);
      expect(await answers(`http://127.0.0.1:${own}/readyz`)).toBe(true);
      expect(await other.logs('dump.pm2')).toContain(host.join('current', 'dist', 'server.js'));
    } finally {
      await other.kill();
      await host.remove();
    }
  }, 180_000);

  test('pm2-runtime loses nothing when it gets the reload signal of the Upstart job', async () => {
    const job = await readFile(`${ROOT}deploy/upstart/app-pm2.conf`, 'utf8');
    const signal = /^reload signal (\w+)$/m.exec(job)?.[1] as NodeJS.Signals;
    port = await freePort();
    const runtime = await Pm2.create(bin, { PORT: String(port), WEB_CONCURRENCY: '1' });
    const child = spawn(runtime.command('pm2-runtime'), START, {
      cwd: ROOT,
      env: runtime.env,
      stdio: 'ignore',
    });
    try {
      await until('it is ready', () => answers(`http://127.0.0.1:${port}/readyz`), { seconds: 30 });
      const load = await visit('/livez');
      for (let count = 0; count < 3; count++) {
        child.kill(signal);
        await load.more(50);
      }
      const counts = await load.stop();
      expect(counts).toMatchObject(allAnswered(counts));
      expect(child.exitCode).toBeNull();
    } finally {
      child.kill('SIGTERM');
      await endOf(child, 35).catch(() => child.kill('SIGKILL'));
      await runtime.kill();
    }
  }, 90_000);

  test('a visitor logs in to pm2-runtime, which, told to stop, answers what is in flight and ends in time', async () => {
    const host = await WorkFolder.create('pm2-runtime');
    await copyRelease(host.path, '1.0.0');
    const own = String(await freePort());
    const runtime = await Pm2.create(bin, { PORT: own, WEB_CONCURRENCY: '1', TRUST_PROXY: 'loopback' });
    const child = spawn(runtime.command('pm2-runtime'), START, {
      cwd: host.join('releases', '1.0.0'),
      env: runtime.env,
      stdio: 'ignore',
    });
    try {
      await until('it is ready', () => answers(`http://127.0.0.1:${own}/readyz`), { seconds: 30 });
      await expectLogin(`http://127.0.0.1:${own}/api/session`);
      const upload = await startSlowUpload(Number(own));
      child.kill('SIGTERM');
      await sleep(500);
      expect(await upload.finish()).toMatch(/^HTTP\/1\.1 4/);
      expect(await endOf(child, 35)).toEqual({ code: 0, signal: null });
    } finally {
      child.kill('SIGKILL');
      await runtime.kill();
      await host.remove();
    }
  }, 90_000);
});

async function expectLogin(url: string): Promise<void> {
  // As the proxy in front says it.
  const headers = { 'X-Forwarded-Proto': 'https', 'Content-Type': 'application/json' };
  const body = JSON.stringify({ name: 'ada', password: PASSWORD });
  const login = await fetch(url, { method: 'POST', headers, body });
  const Cookie = login.headers.getSetCookie()[0]?.split(';', 1)[0] ?? '';
  expect([login.status, Cookie.split('=', 1)[0]]).toEqual([201, `__Host-${sessionCookie.name}`]);
  const who = await fetch(url, { headers: { ...headers, Cookie } });
  expect(await who.json()).toMatchObject({ user: { name: 'ada' } });
}

async function answers(url: string): Promise<boolean> {
  return fetch(url).then(
    ({ ok }) => ok,
    () => false,
  );
}

async function endOf(child: ChildProcess, seconds: number) {
  await until('it has ended', () => child.exitCode !== null || child.signalCode !== null, { seconds });
  return { code: child.exitCode, signal: child.signalCode };
}

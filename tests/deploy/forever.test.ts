import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { describeWithNpm } from '../support/deploy/npm-program.ts';
import { isRunning, PRODUCTION } from '../support/deploy/pm2.ts';
import { WorkFolder } from '../support/deploy/render.ts';
import { copyRelease, linkCurrent } from '../support/deploy/releases.ts';
import { startSlowUpload } from '../support/deploy/slow-upload.ts';
import { until } from '../support/deploy/until.ts';
import { allAnswered, Visitors } from '../support/deploy/visitors.ts';
import { freePort } from '../support/redis-server.ts';

const run = promisify(execFile);

describeWithNpm('forever@4.0.3', 'Forever', (bin) => {
  let folder: WorkFolder;
  let port: number;
  let env: Record<string, string | undefined>;
  let visitors: Visitors | undefined;

  beforeAll(async () => {
    folder = await WorkFolder.create('forever');
    for (const version of ['1.0.0', '1.1.0']) await copyRelease(folder.path, version);
    await linkCurrent(folder.path, '1.0.0');
    folder.render('forever', 'forever', [
      ['/srv/app', folder.path],
      ['/var/lib/app', folder.path],
    ]);
    port = await freePort();
    const own = { HOME: folder.path, FOREVER_ROOT: folder.join('home'), PID_FILE: folder.join('app.pid') };
    const control = { CONTROL_SOCKET: folder.join('control.sock') };
    // Two workers, and a Redis that is away, which is no reason not to serve.
    const settings = {
      ...PRODUCTION,
      STORE: 'redis',
      REDIS_URL: 'redis://127.0.0.1:1',
      WEB_CONCURRENCY: '2',
    };
    env = {
      PATH: process.env.PATH,
      NODE_ENV: 'production',
      ...settings,
      ...own,
      ...control,
      PORT: String(port),
    };
  });

  afterEach(() => {
    visitors?.kill();
    visitors = undefined;
  });

  afterAll(async () => {
    await forever('stopall').catch(() => undefined);
    const pid = await primary();
    if (pid > 0 && isRunning(pid)) process.kill(pid, 'SIGKILL');
    await folder.remove();
  });

  const forever = async (...args: string[]) => {
    const { stdout } = await run(join(bin, 'forever'), ['--plain', ...args], { env, cwd: folder.path });
    return stdout;
  };
  const start = async () => forever('start', folder.join('forever', 'app.json'));
  const primary = async () => Number(await readFile(folder.join('app.pid'), 'utf8').catch(() => '0'));
  const answers = async () => {
    return fetch(`http://127.0.0.1:${port}/readyz`).then(
      ({ ok }) => ok,
      () => false,
    );
  };

  test('starts the cluster and lists it', async () => {
    await start();
    await until('it answers', answers, { seconds: 30 });
    await until('all workers are ready', async () => (await primary()) > 0);
    expect(await forever('list')).toMatch(/app \S+ +dist\/cluster\.js/);
  });

  test('starts it again when it is killed', async () => {
    const before = await primary();
    // minUptime: what ends sooner stays down.
    await sleep(2500);
    process.kill(before, 'SIGKILL');
    await until('another one answers', async () => {
      const now = await primary();
      return now !== before && now > 0 && isRunning(now) && (await answers());
    });
    expect(isRunning(before)).toBe(false);
  });

  test('a reload after `current` was switched fails no request, and the new release answers', async () => {
    visitors = await Visitors.on(`http://127.0.0.1:${port}/version.txt`);
    await visitors.answers('1.0.0');
    await linkCurrent(folder.path, '1.1.0');
    await run('npm', ['run', '--silent', 'ctl', '--', 'reload'], { env, cwd: folder.join('current') });
    await visitors.answers('1.1.0');
    const counts = await visitors.stop();
    expect(counts).toMatchObject(allAnswered(counts));
  }, 90_000);

  test('a stop answers what is in flight, and starts nothing again', async () => {
    const pid = await primary();
    const upload = await startSlowUpload(port);
    // It ends when the app has.
    const stopped = forever('stop', 'app');
    await until('it drains', async () => !(await answers()));
    expect(await upload.finish()).toMatch(/^HTTP\/1\.1 4\d\d /);
    await stopped;
    expect(isRunning(pid)).toBe(false);
    expect(await forever('list')).toContain('No forever processes running');
  });

  test('does not try a bad configuration again', async () => {
    env = { ...env, PORT: 'a port' };
    await start();
    await until('Forever has given up', async () => {
      return (await forever('list')).includes('STOPPED');
    });
    // Longer than a restart would take.
    await sleep(2000);
    const errors = await readFile(folder.join('err.log'), 'utf8');
    expect(errors.match(/config: PORT /g)).toHaveLength(1);
  });
});

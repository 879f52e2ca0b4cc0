import { writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { sessionCookie } from '../../src/session.ts';
import { PASSWORD } from '../support/deploy/app-host.ts';
import { ask, type Question, type Reply } from '../support/deploy/ask.ts';
import { describeWithDocker, docker, openDoor, useContainers, type Door } from '../support/deploy/docker.ts';
import { buildImages, IMAGES, inspect, projectCopy } from '../support/deploy/docker-project.ts';
import type { WorkFolder } from '../support/deploy/render.ts';
import { until } from '../support/deploy/until.ts';
import { freePort } from '../support/redis-server.ts';

const PROJECT = `express-test-${process.pid}`;

const SLOW_MS = 120_000;

describeWithDocker('docker compose up', () => {
  let folder: WorkFolder;
  let ports: { http: number; https: number };
  let http: Door;
  let https: Door;
  let ca: string;
  let cookie: string;

  const compose = (...args: string[]) =>
    docker(['compose', '--project-name', PROJECT, '--env-file', 'test.env', ...args], {
      cwd: folder.path,
      seconds: 170,
    });
  const up = (...args: string[]) =>
    compose('up', '--detach', '--wait', '--pull', 'never', '--no-build', ...args);
  const containers = async (service: string) =>
    (await compose('ps', '--all', '--quiet', service)).split('\n').filter(Boolean);
  const site = (path: string, question: Omit<Question, 'url'> = {}): Promise<Reply> =>
    ask({ url: `https://127.0.0.1:${https.port}${path}`, host: 'localhost', ca, ...question });
  /** nginx makes a new one at each start. */
  const certificate = () => compose('exec', '--no-TTY', 'nginx', 'cat', '/run/nginx/tls/fullchain.pem');
  const isLoggedIn = async () => (await site('/api/session', { headers: { Cookie: cookie } })).status === 200;

  beforeAll(async () => {
    folder = await projectCopy();
    await buildImages(folder);
    await useContainers();
    ports = { http: await freePort(), https: await freePort() };
    await writeFile(folder.join('test.env'), `HTTP_PORT=${ports.http}\nHTTPS_PORT=${ports.https}\n`);
    // The names under which the tests have built the images; nothing else is different.
    const override = { services: { app: { image: IMAGES.app }, nginx: { image: IMAGES.nginx } } };
    await writeFile(folder.join('compose.override.yml'), JSON.stringify(override));
    await up();
    http = await openDoor(ports.http, folder);
    https = await openDoor(ports.https, folder);
    ca = await certificate();
  }, 900_000);
  afterAll(async () => {
    await http.close();
    await https.close();
    await compose('down', '--volumes', '--timeout', '5');
    await folder.remove();
  }, SLOW_MS);

  test('brings up nginx, the app and Redis, all healthy, with nothing prepared', async () => {
    for (const service of ['nginx', 'app', 'redis']) {
      const [container = ''] = await containers(service);
      expect([service, await inspect(container, 'State.Health.Status')]).toEqual([service, 'healthy']);
    }
    const page = await site('/');
    expect(page.status).toBe(200);
    const [cookie = ''] = page.headers['set-cookie'] ?? [];
    expect([cookie.split('=', 1)[0], cookie]).toEqual([
      `__Host-${sessionCookie.name}`,
      expect.stringContaining('; Secure'),
    ]);
  });

  test.each(['nginx', 'app', 'redis'])('gives %s no rights, and bounds to all it uses', async (service) => {
    const [container = ''] = await containers(service);
    expect(await inspect(container, 'HostConfig')).toMatchObject({
      ReadonlyRootfs: true,
      CapDrop: ['ALL'],
      CapAdd: null,
      SecurityOpt: ['no-new-privileges:true'],
      Memory: expect.any(Number),
      PidsLimit: expect.any(Number),
      LogConfig: { Config: { 'max-size': '10m' } },
    });
    const status = await docker(['exec', container, 'cat', '/proc/1/status']);
    expect(status).toMatch(/^Uid:\s+[1-9]/m);
    expect(status).toMatch(/^CapBnd:\s+0+$/m);
  });

  test('makes its own secrets, which only those have who need them', async () => {
    const read = (service: string, file: string) => compose('exec', '--no-TTY', service, 'cat', file);
    expect(await read('app', '/run/secrets/session-secrets')).toMatch(/^[\w+/]{64}$/);
    const url = await read('app', '/run/secrets/redis-url');
    const [, password = ''] = /^redis:\/\/app:([0-9a-f]{48})@redis:6379$/.exec(url) ?? [];
    expect(password).toHaveLength(48);
    expect(await read('redis', '/etc/redis/users.acl')).not.toContain(password);
    await expect(read('redis', '/etc/redis/passwords/app')).rejects.toThrow(/Permission denied/);
    const [app = '', redis = ''] = [...(await containers('app')), ...(await containers('redis'))];
    for (const container of [app, redis])
      expect(JSON.stringify(await inspect(container, 'Config'))).not.toContain(password);
    // A second run keeps them: else a restart of the machine would log everybody out.
    await compose('run', '--rm', 'secrets');
    expect(await read('app', '/run/secrets/redis-url')).toBe(url);
  });

  test('has one way in, with TLS; Redis and the app have none, and Redis no way out', async () => {
    const plain = await ask({ url: `http://127.0.0.1:${http.port}/path?q=1`, host: 'localhost' });
    expect(plain.status).toBe(308);
    expect(plain.headers.location).toBe(`https://localhost:${ports.https}/path?q=1`);
    for (const service of ['app', 'redis']) {
      const [container = ''] = await containers(service);
      expect(await inspect(container, 'HostConfig.PortBindings')).toEqual({});
    }
    const [redis = ''] = await containers('redis');
    const networks = Object.keys((await inspect(redis, 'NetworkSettings.Networks')) as object);
    expect(networks).toEqual([`${PROJECT}_back`]);
    expect(
      JSON.parse(await docker(['network', 'inspect', '--format', '{{.Internal}}', `${PROJECT}_back`])),
    ).toBe(true);
  });

  test('logs in, with the client as the app should see it', async () => {
    const answer = await site('/api/session', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', 'X-Forwarded-For': '203.0.113.9' },
      body: JSON.stringify({ name: 'ada', password: PASSWORD }),
    });
    expect(answer.status).toBe(201);
    cookie = answer.headers['set-cookie']?.[0]?.split(';', 1)[0] ?? '';
    expect(await isLoggedIn()).toBe(true);
    const log = await compose('logs', '--no-log-prefix', '--no-color', 'app');
    expect(log).toMatch(/"path":"\/api\/session".*"status":201|"status":201.*"path":"\/api\/session"/);
    expect(log).not.toContain('203.0.113.9');
  });

  test(
    'keeps sessions when Redis is restarted, and when everything is',
    async () => {
      await compose('restart', 'redis');
      await until('the session is back', isLoggedIn);
      await compose('stop');
      const [app = ''] = await containers('app');
      expect(await inspect(app, 'State.ExitCode')).toBe(0);
      await up();
      ca = await certificate();
      await until('the session is back', isLoggedIn);
    },
    SLOW_MS,
  );

  test(
    'scales to three and back, under requests, without losing one',
    async () => {
      const statuses = new Map<number, number>();
      let done = false;
      const visitor = async () => {
        while (!done) {
          const { status } = await site('/api/items/7', { headers: { Cookie: cookie } });
          statuses.set(status, (statuses.get(status) ?? 0) + 1);
          await sleep(50);
        }
      };
      const visitors = [visitor(), visitor()];
      await up('--scale', 'app=3', '--no-recreate');
      await until('nginx sends requests to all three', async () => {
        expect(await isLoggedIn()).toBe(true);
        const log = await compose('logs', '--no-log-prefix', '--no-color', '--tail', '60', 'nginx');
        return new Set(log.match(/"upstream":"[^":,]+:3000"/g)).size === 3;
      });
      await up('--scale', 'app=1', '--no-recreate');
      await sleep(3000);
      done = true;
      await Promise.all(visitors);
      expect([...statuses.keys()]).toEqual([200]);
    },
    SLOW_MS,
  );

  test('reloads its workers on SIGHUP, and answers meanwhile', async () => {
    await compose('kill', '--signal', 'HUP', 'app');
    await until('the new workers serve', async () => {
      expect((await site('/api/items/7')).status).toBe(200);
      return (await compose('logs', '--no-log-prefix', '--no-color', '--tail', '50', 'app')).includes(
        'reloaded',
      );
    });
  });
});

import { request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { TEST_SECRET } from '../support/config.ts';
import { PASSWORD } from '../support/deploy/app-host.ts';
import { ask } from '../support/deploy/ask.ts';
import {
  buildImage,
  describeWithDocker,
  docker,
  openDoor,
  spawnDocker,
  useContainers,
  type Door,
} from '../support/deploy/docker.ts';
import { CANARY, IMAGES, inspect, projectCopy } from '../support/deploy/docker-project.ts';
import type { WorkFolder } from '../support/deploy/render.ts';
import { until } from '../support/deploy/until.ts';
import { freePort } from '../support/redis-server.ts';

const NAME = `express-test-${process.pid}`;

describeWithDocker('the Docker image', () => {
  let folder: WorkFolder;
  let door: Door | undefined;

  beforeAll(async () => {
    folder = await projectCopy();
    await buildImage(folder, 'app', IMAGES.app);
    await useContainers();
  }, 900_000);
  afterEach(async () => {
    await door?.close();
    door = undefined;
    await docker(['rm', '--force', '--volumes', NAME]);
  });
  afterAll(() => folder.remove());

  /** With everything taken away that the app does not need. */
  async function start(env: Record<string, string>): Promise<string> {
    const port = await freePort();
    const hardening = [
      '--read-only',
      '--tmpfs',
      '/tmp',
      '--cap-drop',
      'ALL',
      '--security-opt',
      'no-new-privileges',
    ];
    const variables = Object.entries(env).flatMap(([name, value]) => ['--env', `${name}=${value}`]);
    const publish = ['--publish', `127.0.0.1:${port}:3000`];
    await docker(['run', '--detach', '--name', NAME, ...hardening, ...publish, ...variables, IMAGES.app]);
    await until(
      'the container is healthy',
      async () => (await inspect(NAME, 'State.Health.Status')) === 'healthy',
      {
        seconds: 45,
      },
    );
    door = await openDoor(port, folder);
    return `http://127.0.0.1:${door.port}`;
  }

  const SETTINGS = {
    STORE: 'memory',
    SESSION_SECRETS: TEST_SECRET,
    SESSION_COOKIE_SECURE: 'off',
  };

  test('adds little to Node.js, and says how to run it', async () => {
    const size = Number(await inspect(IMAGES.app, 'Size'));
    const base = Number(await inspect('node:24-bookworm-slim', 'Size'));
    const megabytes = (bytes: number) => Math.round(bytes / 1e6);
    process.stderr.write(
      `the image has ${megabytes(size)} MB, ${megabytes(size - base)} of them the app's\n`,
    );
    expect(megabytes(size - base)).toBeLessThan(50);
    expect(await inspect(IMAGES.app, 'Config')).toMatchObject({
      User: '1000:1000',
      Cmd: expect.arrayContaining(['node', 'dist/cluster.js']),
      Healthcheck: { Test: expect.arrayContaining(['CMD', 'node']) },
      Labels: { 'org.opencontainers.image.title': 'app' },
    });
  });

  test('has no secret of the folder it was made in, neither in a layer nor in its history', async () => {
    const history = await docker(['history', '--no-trunc', '--format', '{{.CreatedBy}}', IMAGES.app]);
    expect(history).not.toContain(CANARY);
    expect(history).not.toMatch(/(password|secret|token)s?[= ]/i);
    const variables = (await inspect(IMAGES.app, 'Config.Env')) as string[];
    expect(variables.filter((one) => /password|secret|token/i.test(one))).toEqual([]);
    // The second is in dist/config.js: it shows that the search would find something.
    expect(await search(IMAGES.app, [CANARY, 'EXIT_BAD_CONFIG = 78'])).toEqual([false, true]);
  });

  test('says what is missing, and exits with 78, when it is run with nothing', async () => {
    await docker(['run', '--detach', '--name', NAME, IMAGES.app]);
    expect(await docker(['wait', NAME])).toBe('78');
    const output = await docker([
      'run',
      '--rm',
      '--entrypoint',
      'sh',
      IMAGES.app,
      '-c',
      'node dist/server.js 2>&1 || true',
    ]);
    expect(output).toContain('SESSION_SECRETS is missing');
    expect(output).toContain('REDIS_URL is missing');
  });

  test('has the code of the app compiled, for the user that runs it', async () => {
    const run = ['run', '--rm', '--read-only', '--env', 'NODE_DEBUG_NATIVE=COMPILE_CACHE'];
    const command = 'node dist/server.js 2>&1 || true';
    const output = await docker([...run, '--entrypoint', 'sh', IMAGES.app, '-c', command]);
    const uses = (file: string) => new RegExp(`/app/${file} was accepted`).test(output);
    const files = ['dist/app.js', 'dist/platform/http/server.js', 'node_modules/express/index.js'];
    expect(files.filter((file) => !uses(file))).toEqual([]);
    expect(output).not.toMatch(/was rejected|cache miss/);
  });

  test('is healthy as a user without rights on a file system that is read-only', async () => {
    const url = await start(SETTINGS);
    expect((await ask({ url: `${url}/readyz` })).status).toBe(200);
    const status = await docker(['exec', NAME, 'cat', '/proc/1/status']);
    expect(status).toMatch(/^Uid:\s+1000\s/m);
    expect(status).toMatch(/^CapEff:\s+0+$/m);
    expect(status).toMatch(/^NoNewPrivs:\s+1$/m);
    await expect(docker(['exec', NAME, 'touch', '/app/x'])).rejects.toThrow(/Read-only/);
    // Not even on a file system that is not: nothing is the app's own.
    expect(await docker(['exec', NAME, 'find', '/app', '-not', '-user', 'root', '-print', '-quit'])).toBe('');
    expect(await docker(['exec', NAME, 'cat', '/proc/1/cmdline'])).toMatch(/^node\0/);
  });

  test('answers the request in flight, however slow, and exits with 0 on docker stop', async () => {
    const url = await start(SETTINGS);
    const login = await ask({
      url: `${url}/api/session`,
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ name: 'ada', password: PASSWORD }),
    });
    const cookie = login.headers['set-cookie']?.[0]?.split(';', 1)[0] ?? '';

    const body = JSON.stringify({ city: 'Lima' });
    const headers = { Cookie: cookie, 'Content-Type': 'application/json', 'Content-Length': body.length };
    const slow = request(`${url}/api/items/7`, { method: 'PATCH', headers, agent: false });
    const answered = new Promise<number | undefined>((resolve, reject) => {
      slow.on('error', reject);
      slow.on('response', (res) => {
        res.resume();
        resolve(res.statusCode);
      });
    });
    slow.write(body.slice(0, 5));
    await sleep(500);
    const stopped = docker(['stop', '--time', '30', NAME]);
    await sleep(2000);
    slow.end(body.slice(5));
    expect(await answered).toBe(200);
    await stopped;
    expect(await inspect(NAME, 'State')).toMatchObject({ ExitCode: 0, OOMKilled: false, Status: 'exited' });
  });
});

/** Which of the texts stand in some file of the image, in any of its layers. */
async function search(image: string, texts: readonly string[]): Promise<boolean[]> {
  const found = texts.map(() => false);
  const longest = Math.max(...texts.map((text) => text.length));
  let rest = Buffer.alloc(0);
  for await (const chunk of spawnDocker(['save', image]).stdout as AsyncIterable<Buffer>) {
    const window = Buffer.concat([rest, chunk]);
    texts.forEach((text, index) => (found[index] ||= window.includes(text)));
    rest = window.subarray(-longest);
  }
  return found;
}

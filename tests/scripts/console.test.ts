import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { AppCopy } from '../support/app-copy.ts';
import { describeWithRedisServer } from '../support/describe-redis.ts';
import { RedisServer } from '../support/redis-server.ts';
import { until } from '../support/until.ts';

const SECRET = 'a-Secret-of-48-letters-which-nobody-guesses-0123';

let copy: AppCopy;
beforeAll(async () => {
  copy = await AppCopy.create();
  await cp(new URL('../../scripts', import.meta.url), copy.file('scripts'), { recursive: true });
});
afterAll(() => copy.remove());

function open(env: Record<string, string>, ...args: string[]) {
  return spawn(process.execPath, [copy.file('scripts/starter/console.mjs'), ...args], {
    cwd: copy.path,
    env: { PATH: process.env.PATH, NO_COLOR: '1', ...env },
  });
}

/** Runs lines from a pipe. */
async function run(lines: readonly string[], env: Record<string, string> = {}, ...args: string[]) {
  const child = open(env, ...args);
  child.stdin.on('error', () => undefined).end(lines.map((line) => `${line}\n`).join(''));
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return { code: child.exitCode, stdout, stderr };
}

describe('npm run console', () => {
  test('has the configuration, the stores and what features have opened', async () => {
    const lines = ['config.STORE', 'await companies.get(1);', "await cache.wrap('k', { ttl: 1 }, () => 42)"];
    const { code, stdout } = await run(lines, { NODE_ENV: 'test' });
    expect(code).toBe(0);
    expect(stdout).toMatch(/^'memory'\n\{\n {2}id: 1,\n[^]*\n\}\n42\n$/);
  });

  test('is a prompt', async () => {
    const child = open({ NODE_ENV: 'test' }, '-i');
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    await until(() => output.includes('test> '));
    child.stdin.write('(await companies.get(1)).name\n');
    await until(() => output.includes("'Apple'"));
    const closed = once(child, 'close');
    child.stdin.write('.exit\n');
    expect(await closed).toEqual([0, null]);
  });

  test('ends with the first error of a pipe', async () => {
    const { code, stdout, stderr } = await run(['no.thing', "'later'"], { NODE_ENV: 'test' });
    expect({ code, stdout, stderr }).toEqual({
      code: 1,
      stdout: '',
      stderr: expect.stringContaining('no is not'),
    });
  });

  test('reports wrong settings, and wrong usage', async () => {
    const wrong = await run([], { PORT: 'x' });
    expect(wrong).toMatchObject({ code: 78, stdout: '', stderr: expect.stringContaining('PORT must be') });
    expect(await run([], {}, '--wirte')).toMatchObject({ code: 2, stdout: '' });
    expect(await run([], {}, '--help')).toMatchObject({ code: 0, stderr: '' });
  });
});

describeWithRedisServer('npm run console in production', () => {
  let redis: RedisServer;
  let env: Record<string, string>;

  beforeAll(async () => {
    redis = await RedisServer.start();
    env = {
      NODE_ENV: 'production',
      SESSION_SECRETS: SECRET,
      REDIS_URL: redis.url,
      REDIS_KEY_PREFIX: 'test:',
    };
  });
  afterAll(() => redis.stop());

  test('writes with --write, and else reads what is there', async () => {
    const change = ["await companies.update(1, { city: 'Here' })", "await redis.set('test:x', 'written')"];
    expect((await run(change, env, '--write')).stdout).toContain("city: 'Here'");
    const { stdout } = await run(['await companies.get(1)', "await redis.get('test:x')"], env);
    expect(stdout).toContain("city: 'Here'");
    expect(stdout).toContain("'written'");
  });

  test.each([
    ["await redis.set('test:x', '1')", 'SET'],
    ["await redis.del('test:x')", 'DEL'],
    ["await redis.eval('return 1', 0)", 'EVAL'],
    ["await redis.call('FLUSHALL')", 'FLUSHALL'],
    ["await redis.pipeline().set('test:x', '1').exec().then(([[error]]) => Promise.reject(error))", 'SET'],
    ["await redis.multi().set('test:x', '1').exec()", 'MULTI'],
    ["await companies.update(1, { city: 'There' })", 'EVAL'],
    ["await cache.purgeTag('companies')", 'a purge'],
    ["await stores.sessions.remove('id')", 'removing a session'],
    ["await toolkit.stores.redis.client.incr('test:n')", 'INCR'],
  ])('refuses %s', async (line, what) => {
    const { code, stdout, stderr } = await run(
      ["(await redis.get('test:x')) + (await companies.get(1)).city", line],
      env,
    );
    // What the refusal before this one has left.
    expect(stdout).toBe("'writtenHere'\n");
    expect(stderr).toContain(`${what} is refused: in production the console only reads`);
    expect(code).toBe(1);
  });
});

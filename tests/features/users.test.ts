import { describe, expect, jest, test } from '@jest/globals';
import { pino } from 'pino';
import { ConfigError } from '../../src/platform/config/index.ts';
import { hashPassword } from '../../src/features/account/password.ts';
import { createUsers } from '../../src/features/account/users.ts';
import { HttpError } from '../../src/errors.ts';
import { TEST_SECRET, testConfig } from '../support/config.ts';
import { LogLines } from '../support/http.ts';

const HASH = `$scrypt$ln=13,r=8,p=1$${'A'.repeat(22)}$${'A'.repeat(43)}`;
const logger = pino({ level: 'silent' });

const usersOf = (...users: unknown[]) => JSON.stringify(users);
const ada = { id: '1', name: 'ada', passwordHash: HASH };
const configWith = (env: Record<string, string>) =>
  testConfig({ SESSION_SECRETS: TEST_SECRET, STORE: 'memory', ...env });

describe('USERS', () => {
  test('lists who may log in', async () => {
    const passwordHash = await hashPassword('correct horse');
    const config = configWith({ USERS: usersOf(ada, { id: '2', name: 'grace', passwordHash }) });
    const users = createUsers({ config, logger });
    await expect(users.verify('grace', 'correct horse')).resolves.toEqual({ id: '2', name: 'grace' });
    await expect(users.verify('grace', 'wrong')).resolves.toBeUndefined();
    await expect(users.verify('nobody', 'correct horse')).resolves.toBeUndefined();
  });

  test.each([
    ['no JSON', 'ada:secret-value', ''],
    ['no array', '{"ada":"secret-value"}', ''],
    ['no hash', usersOf(ada, { id: '2', name: 'grace', passwordHash: 'secret-value' }), '1.passwordHash'],
    ['a missing name', usersOf({ id: '2', passwordHash: HASH }), '0.name'],
    ['a number for an id', usersOf({ ...ada, id: 7 }), '0.id'],
    ['a field too many', usersOf({ ...ada, 'secret-value': 1 }), '; wrong: 0'],
    ['a line break in a name', usersOf({ ...ada, name: 'secret-value\n' }), '0.name'],
    ['a name twice', usersOf(ada, { ...ada, id: '2' }), 'the same name'],
    ['an id twice', usersOf(ada, { ...ada, name: 'secret-value' }), 'the same id'],
    ['a cost of gigabytes', usersOf({ ...ada, passwordHash: HASH.replace('13', '30') }), '0.passwordHash'],
  ])('with %s is refused at the start, by name and without its value', (_name, USERS, place) => {
    let problem: unknown;
    try {
      configWith({ USERS });
    } catch (error) {
      problem = error;
    }
    expect(problem).toBeInstanceOf(ConfigError);
    const { message } = problem as ConfigError;
    expect(message).toMatch(/^USERS /);
    expect(message).toContain(place);
    expect(message).not.toMatch(/secret-value|AAAA/);
  });

  test('unset in production is logged once', () => {
    const log = new LogLines();
    const config = configWith({ NODE_ENV: 'production' });
    createUsers({ config, logger: pino(log) });
    expect(log.lines).toMatchObject([{ msg: expect.stringContaining('USERS') }]);
  });
});

describe('an unknown name', () => {
  test('costs one check, with the same cost as a known one', async () => {
    const check = jest.fn(() => Promise.resolve(true));
    const users = createUsers({ config: configWith({ USERS: usersOf(ada) }), logger, check });
    await expect(users.verify('ada', 'x')).resolves.toEqual({ id: '1', name: 'ada' });
    await expect(users.verify('nobody', 'x')).resolves.toBeUndefined();
    expect(check.mock.calls).toEqual([
      ['x', HASH],
      ['x', expect.stringMatching(/^\$scrypt\$ln=13,r=8,p=1\$.{22}\$.{43}$/)],
    ]);
  });

  test.each(['__proto__', 'constructor', 'toString', ''])('%p is one', async (name) => {
    const check = () => Promise.resolve(true);
    const users = createUsers({ config: configWith({ USERS: usersOf(ada) }), logger, check });
    await expect(users.verify(name, 'x')).resolves.toBeUndefined();
  });
});

describe('many logins at once', () => {
  test('are checked two at a time, twenty wait, and more are refused at once', async () => {
    let running = 0;
    let most = 0;
    const open: (() => void)[] = [];
    const check = async () => {
      most = Math.max(most, ++running);
      await new Promise<void>((resolve) => open.push(resolve));
      running--;
      return true;
    };
    const users = createUsers({ config: configWith({ USERS: usersOf(ada) }), logger, check });
    const results = Array.from({ length: 30 }, () =>
      users.verify('ada', 'x').catch((error: unknown) => error),
    );
    const settled = Promise.all(results);
    for (let left = 22; left > 0;) {
      await new Promise((resolve) => setImmediate(resolve));
      for (const release of open.splice(0)) {
        release();
        left--;
      }
    }
    const refused = (await settled).filter((result) => result instanceof HttpError);
    expect(most).toBe(2);
    expect(refused).toHaveLength(8);
    expect(refused[0]).toMatchObject({ code: 'UNAVAILABLE', headers: { 'Retry-After': '2' } });
  });
});

describe('the user "demo"', () => {
  const development = (env: Record<string, string> = {}) => configWith({ NODE_ENV: 'development', ...env });

  test('has the generated password', async () => {
    const config = development();
    const users = createUsers({ config, logger });
    expect(users.demo).toEqual({ name: 'demo', password: config.DEMO_PASSWORD });
    await expect(users.verify('demo', config.DEMO_PASSWORD ?? '')).resolves.toEqual({
      id: 'demo',
      name: 'demo',
    });
    await expect(users.verify('demo', 'x')).resolves.toBeUndefined();
  });

  test('has the password of DEMO_PASSWORD, which is not logged', () => {
    const log = new LogLines();
    const users = createUsers({ config: development({ DEMO_PASSWORD: 'open sesame' }), logger: pino(log) });
    expect(users.demo).toEqual({ name: 'demo', password: 'open sesame' });
    expect(log.lines).toEqual([]);
  });

  test('gives way to one of that name in USERS', () => {
    const config = development({ USERS: usersOf({ ...ada, name: 'demo' }) });
    expect(createUsers({ config, logger }).demo).toBeUndefined();
  });

  test('is not there in production, and in tests only with a password', () => {
    expect(createUsers({ config: configWith({ NODE_ENV: 'production' }), logger }).demo).toBeUndefined();
    expect(createUsers({ config: configWith({}), logger }).demo).toBeUndefined();
    const config = configWith({ DEMO_PASSWORD: 'open sesame' });
    expect(createUsers({ config, logger }).demo?.name).toBe('demo');
  });
});

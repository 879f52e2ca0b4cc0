import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { AppProcess } from '../support/app-process.ts';
import { DeployedRedis, DeployedSentinel } from '../support/deploy/redis.ts';
import { pressure } from '../support/deploy/redis-pressure.ts';
import { describeWith } from '../support/deploy/tools.ts';
import { until } from '../support/deploy/until.ts';
import { freePort } from '../support/redis-server.ts';

const run = promisify(execFile);
const DEMO = { name: 'demo', password: 'a password for tests' };

/** The built app with this Redis behind it. */
function startApp(redisUrl: string, env: Record<string, string> = {}): AppProcess {
  return new AppProcess({ REDIS_URL: redisUrl, ...env });
}

/** Logs in, and gives the cookie; undefined where that failed. */
async function logIn(url: string): Promise<string | undefined> {
  const response = await fetch(`${url}/api/session`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(DEMO),
  });
  await response.text();
  return response.status === 201 ? response.headers.getSetCookie()[0]?.split(';', 1)[0] : undefined;
}

async function isLoggedIn(url: string, cookie = ''): Promise<boolean> {
  const response = await fetch(`${url}/api/session`, { headers: { Cookie: cookie } });
  await response.text();
  return response.status === 200;
}

/** Everything the app does in Redis, over HTTP; gives the statuses. */
async function useEverything(url: string): Promise<Record<string, number>> {
  const cookie = (await logIn(url)) ?? '';
  const ask = async (path: string, init: RequestInit = {}) => {
    const headers = { Cookie: cookie, 'Content-Type': 'application/json' };
    const response = await fetch(url + path, { ...init, headers });
    await response.text();
    return response.status;
  };
  return {
    home: await ask('/'),
    session: await ask('/api/session'),
    list: await ask('/api/items'),
    one: await ask('/api/items/7'),
    csv: await ask('/api/items.csv'),
    change: await ask('/api/items/7', { method: 'PATCH', body: '{"city":"Lima"}' }),
    listAfterwards: await ask('/api/items'),
    logOut: await ask('/api/session', { method: 'DELETE' }),
  };
}

const EVERYTHING_WORKS = {
  ...{ home: 200, session: 200, list: 200, one: 200, csv: 200, change: 200, listAfterwards: 200 },
  logOut: 204,
};

describeWith(['redis', 'openssl'], 'Redis with the files of deploy/redis', () => {
  const open: { stop(): Promise<void> }[] = [];
  const opened = <T extends { stop(): Promise<void> }>(it: T): T => {
    open.push(it);
    return it;
  };
  afterEach(async () => {
    for (const it of open.splice(0).reverse()) await it.stop();
  });

  describe('one server', () => {
    let redis: DeployedRedis;
    beforeAll(async () => {
      redis = await DeployedRedis.start();
    });
    afterAll(() => redis.stop());

    const cli = async (...args: string[]) =>
      (await run('redis-cli', ['-p', String(redis.port), '--no-auth-warning', ...args])).stdout.trim();

    test('starts without a complaint about its configuration', async () => {
      expect(redis.log).toContain('Ready to accept connections');
      const complaints = redis.log.split('\n').filter((line) => line.includes('WARNING'));
      // The kernel's settings are the machine's; the README names them.
      expect(complaints.filter((line) => !/overcommit|Transparent Huge Pages|backlog/.test(line))).toEqual(
        [],
      );
      expect(await redis.info('maxmemory_policy')).toBe('volatile-ttl');
      expect(await redis.info('aof_enabled')).toBe('1');
    });

    test('lets nobody in without a name and a password, but a probe may ask whether it lives', async () => {
      expect(await cli('GET', 'app:x')).toMatch(/^NOAUTH/);
      expect(await cli('--user', 'health', '--pass', 'any', 'PING')).toBe('PONG');
      expect(await cli('--user', 'health', '--pass', 'any', 'INFO')).toMatch(/^NOPERM/);
    });

    test('has passwords of its own, and only their hashes in the list of users', async () => {
      const acl = await readFile(redis.folder.join('users.acl'), 'utf8');
      const passwords = (['app', 'admin', 'replica', 'sentinel'] as const).map((user) =>
        redis.password(user),
      );
      expect(new Set(passwords).size).toBe(4);
      for (const password of passwords) {
        expect(password).toMatch(/^[0-9a-f]{48}$/);
        expect(acl).not.toContain(password);
      }
    });

    test('gives the app all it needs', async () => {
      await redis.admin.acl('LOG', 'RESET');
      const app = opened(startApp(redis.url()));
      expect(await useEverything(await app.url())).toEqual(EVERYTHING_WORKS);
      // Where it lists what it refused.
      expect(await redis.admin.acl('LOG')).toEqual([]);
    });

    test.each([
      [['SET', 'other:key', '1']],
      [['GET', 'other:key']],
      [['EVAL', "return redis.call('GET', 'other:key')", '0']],
      [['PUBLISH', 'other:channel', '1']],
      [['PSUBSCRIBE', '*']],
      [['SCAN', '0']],
      [['RANDOMKEY']],
      [['KEYS', '*']],
      [['FLUSHALL']],
      [['FLUSHDB']],
      [['SWAPDB', '0', '1']],
      [['CONFIG', 'GET', '*']],
      [['ACL', 'LIST']],
      [['CLIENT', 'LIST']],
      [['MONITOR']],
      [['SCRIPT', 'FLUSH']],
      [['FUNCTION', 'FLUSH']],
      [['REPLICAOF', 'NO', 'ONE']],
      [['SHUTDOWN']],
    ])('refuses the app what is not its own: %j', async (command) => {
      const answer = await cli('--user', 'app', '--pass', redis.password('app'), ...command);
      expect(answer).toMatch(/^NOPERM|can't access at least one of the keys/);
    });
  });

  describe('sessions outlive', () => {
    test('a restart, and all but the last second of a kill', async () => {
      const redis = opened(await DeployedRedis.start());
      const app = opened(startApp(redis.url()));
      const url = await app.url();
      const cookie = await logIn(url);
      expect(cookie).toBeDefined();

      await redis.end('SIGTERM');
      await redis.restart();
      await until('the session is back after a restart', () => isLoggedIn(url, cookie));

      await sleep(2000);
      await redis.end('SIGKILL');
      await redis.restart();
      await until('the session is back after a kill', () => isLoggedIn(url, cookie));
    });

    test('a cache that wants all the memory; under volatile-lru they would not', async () => {
      const shipped = opened(await DeployedRedis.start());
      const result = await pressure(shipped);
      expect(result).toMatchObject({ sessionsLost: 0, newSessionWorks: true, recordsLost: 0 });
      expect(result.evicted).toBeGreaterThan(1000);
      // redis.conf reckons with 400 bytes a session.
      expect(result.bytesASession).toBeLessThan(500);

      // The pressure is real: it is the policy that keeps them.
      const other = opened(await DeployedRedis.start({ lines: ['maxmemory-policy volatile-lru'] }));
      expect((await pressure(other)).sessionsLost).toBeGreaterThan(100);
    });
  });

  test('a Sentinel failover is survived by the running app in under 5 s', async () => {
    const master = opened(await DeployedRedis.start());
    const lines = [`replicaof 127.0.0.1 ${master.port}`];
    const replica = opened(await DeployedRedis.start({ secretsOf: master, lines }));
    await until('the replica has a copy', async () => (await replica.info('master_link_status')) === 'up');
    const sentinels = [await DeployedSentinel.watch(master), await DeployedSentinel.watch(master)];
    sentinels.push(await DeployedSentinel.watch(master));
    for (const sentinel of sentinels) opened(sentinel);
    for (const sentinel of sentinels) await sentinel.knows({ others: 2 });

    const hosts = sentinels.map(({ port }) => `127.0.0.1:${port}`).join(',');
    const app = opened(startApp(`redis+sentinel://app:${master.password('app')}@${hosts}/main`));
    const url = await app.url();
    const cookie = await logIn(url);
    const copied = async () => (await replica.admin.keys('app:session:*')).length === 1;
    await until('the replica has the session', copied);
    expect(await isLoggedIn(url, cookie)).toBe(true);

    const begun = performance.now();
    await master.end('SIGKILL');
    const statuses = new Set<number>();
    await until('the old session is read, and a new one written', async () => {
      const publicRoute = await fetch(`${url}/api/items/7`);
      await publicRoute.text();
      statuses.add(publicRoute.status);
      return (await isLoggedIn(url, cookie)) && (await logIn(url)) !== undefined;
    });
    const seconds = (performance.now() - begun) / 1000;
    process.stderr.write(`the Sentinel failover took ${seconds.toFixed(1)} s\n`);
    expect(seconds).toBeLessThan(5);
    expect([...statuses]).toEqual([200]);
    expect(app.child.exitCode).toBeNull();
    expect(await replica.info('role')).toBe('master');

    await master.restart();
    const follows = async () => (await master.info('role')) === 'slave';
    await until('the old master follows the new one', follows, { seconds: 30 });
    expect(await isLoggedIn(url, cookie)).toBe(true);
  });

  test('a Sentinel that asks for a password gets its own, and says so where it is wrong', async () => {
    const master = opened(await DeployedRedis.start());
    const password = 'shared:by@all+Sentinels%';
    const sentinel = opened(await DeployedSentinel.watch(master, { password }));
    const url = `redis+sentinel://app:${master.password('app')}@127.0.0.1:${sentinel.port}/main`;
    const right = opened(startApp(`${url}?sentinel=:${encodeURIComponent(password)}`));
    await until('the app has found the master', async () => (await logIn(await right.url())) !== undefined);
    expect(await useEverything(await right.url())).toEqual(EVERYTHING_WORKS);
    for (const [query, expected] of [
      ['', /NOAUTH/],
      ['?sentinel=:wrong', /WRONGPASS/],
    ] as const) {
      const { reason } = await opened(startApp(url + query)).logged(/^redis is down/);
      expect(reason).toMatch(expected);
    }
  });

  test('a Cluster with TLS is reached by name, where its certificate has names only', async () => {
    const lines = [
      ...['cluster-enabled yes', `cluster-port ${await freePort()}`],
      ...['cluster-announce-hostname localhost', 'cluster-preferred-endpoint-type hostname'],
    ];
    const redis = opened(await DeployedRedis.start({ dropIns: ['tls.conf'], lines }));
    await redis.admin.call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383');
    await until('it is a cluster', async () =>
      (await redis.admin.cluster('INFO')).includes('cluster_state:ok'),
    );
    const url = redis.url().replace('rediss:', 'rediss+cluster:');
    const ca = { NODE_EXTRA_CA_CERTS: redis.folder.join('tls/ca.pem') };
    const app = opened(startApp(url, ca));
    await until('the app has found the cluster', async () => (await logIn(await app.url())) !== undefined);
    expect(await useEverything(await app.url())).toEqual(EVERYTHING_WORKS);
    // By address the certificate does not fit, and without the authority nobody trusts it: the log has the real error.
    for (const [wrongUrl, env] of [
      [url.replace('localhost', '127.0.0.1'), ca],
      [url, {}],
    ] as const) {
      const { reason } = await opened(startApp(wrongUrl, env)).logged(/^redis is down/);
      expect(reason).toMatch(/certificate/);
    }
  });

  test('TLS works with a private CA that the app is told of, and with no other', async () => {
    const redis = opened(await DeployedRedis.start({ dropIns: ['tls.conf'] }));
    const told = opened(startApp(redis.url(), { NODE_EXTRA_CA_CERTS: redis.folder.join('tls/ca.pem') }));
    expect(await useEverything(await told.url())).toEqual(EVERYTHING_WORKS);

    const untold = opened(startApp(redis.url()));
    const ready = await fetch(`${await untold.url()}/readyz`);
    expect(await ready.json()).toEqual({
      status: 'degraded',
      store: 'down',
      reason: expect.stringMatching(/CERT|SIGNATURE/),
    });
    const { reason } = await untold.logged(/^redis is down/);
    expect(reason).toMatch(/certificate/);
  });

  test('a Cluster of three nodes works', async () => {
    const node = async (secretsOf?: DeployedRedis) => {
      // Else the nodes' own port is the clients' and 10,000, which may be beyond the last.
      const lines = [`cluster-port ${await freePort()}`];
      return opened(
        await DeployedRedis.start({ dropIns: ['cluster.conf'], lines, ...(secretsOf && { secretsOf }) }),
      );
    };
    const first = await node();
    const nodes = [first, await node(first), await node(first)];
    const hosts = nodes.map(({ port }) => `127.0.0.1:${port}`);
    await run('redis-cli', ['--user', 'admin', '--cluster', 'create', ...hosts, '--cluster-yes'], {
      env: { ...process.env, REDISCLI_AUTH: first.password('admin') },
      timeout: 30_000,
    });
    for (const { admin } of nodes) {
      const joined = async () => (await admin.cluster('INFO')).includes('cluster_state:ok');
      await until('the nodes are one cluster', joined);
    }

    const app = opened(startApp(`redis+cluster://app:${first.password('app')}@${hosts.join(',')}`));
    const url = await app.url();
    await until('the app has found the cluster', async () => (await logIn(url)) !== undefined);
    expect(await useEverything(url)).toEqual(EVERYTHING_WORKS);
    // Which node holds a session follows from its random id, so one of them may take a few visitors more.
    const filled = async () => {
      await fetch(url);
      const sizes = await Promise.all(nodes.map(({ admin }) => admin.dbsize()));
      return sizes.every((size) => size > 0);
    };
    await until('each node holds keys', filled);
  });
});

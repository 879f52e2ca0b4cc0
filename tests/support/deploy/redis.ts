import { execFile } from 'node:child_process';
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { Redis } from 'ioredis';
import { freePort, redisBinary } from '../redis-server.ts';
import { makeCertificate } from './certificate.ts';
import { Daemon } from './daemon.ts';
import { repositoryPath, WorkFolder } from './render.ts';
import { until } from './until.ts';

const run = promisify(execFile);

const USERS = ['app', 'admin', 'replica', 'sentinel'] as const;
export type RedisUser = (typeof USERS)[number];

export interface DeployedRedisOptions {
  /** The files of deploy/redis that go to conf.d. */
  readonly dropIns?: readonly ('tls.conf' | 'cluster.conf')[];
  /** Further lines for conf.d. */
  readonly lines?: readonly string[];
  /** Take the passwords of another server: replicas and the nodes of a cluster share them. */
  readonly secretsOf?: DeployedRedis;
}

/**
 * A redis-server with the files of deploy/redis as they are, but for their paths: a folder of the test's own stands for
 * /etc/redis and /var/lib/redis. The port comes from the command line.
 */
export class DeployedRedis {
  readonly port: number;
  readonly folder: WorkFolder;
  /** The user admin, for looking and for setting things up. Connects again by itself. */
  readonly admin: Redis;
  readonly #passwords: ReadonlyMap<RedisUser, string>;
  readonly #tls: boolean;
  #daemon: Daemon | undefined;

  private constructor(port: number, folder: WorkFolder, passwords: Map<RedisUser, string>, ca?: string) {
    this.port = port;
    this.folder = folder;
    this.#passwords = passwords;
    this.#tls = ca !== undefined;
    this.admin = new Redis(this.url('admin'), {
      lazyConnect: true,
      retryStrategy: () => 50,
      // A Sentinel cuts the connections of a server whose part it changes.
      maxRetriesPerRequest: 40,
      ...(ca !== undefined && { tls: { ca } }),
    });
    this.admin.on('error', () => undefined);
  }

  static async start(options: DeployedRedisOptions = {}): Promise<DeployedRedis> {
    const folder = await WorkFolder.create('redis');
    try {
      return await DeployedRedis.#startIn(folder, options);
    } catch (error) {
      await folder.remove();
      throw error;
    }
  }

  static async #startIn(
    folder: WorkFolder,
    { dropIns = [], lines = [], secretsOf }: DeployedRedisOptions,
  ): Promise<DeployedRedis> {
    if (secretsOf)
      await cp(secretsOf.folder.join('passwords'), folder.join('passwords'), { recursive: true });
    await run(repositoryPath('deploy/redis/secrets.sh'), [folder.path]);
    await mkdir(folder.join('data'));
    folder.render('redis/redis.conf', 'redis.conf', [
      ['/etc/redis', folder.path],
      ['/var/lib/redis', folder.join('data')],
    ]);
    await writeFile(folder.join('conf.d/test.conf'), `${lines.join('\n')}\n`);
    if (dropIns.includes('cluster.conf'))
      await cp(repositoryPath('deploy/redis/cluster.conf'), folder.join('conf.d/cluster.conf'));
    const ca = dropIns.includes('tls.conf') ? await useTls(folder) : undefined;
    const server = new DeployedRedis(await freePort(), folder, await readPasswords(folder), ca);
    await server.restart();
    return server;
  }

  /** REDIS_URL for a user. */
  url(user: RedisUser = 'app'): string {
    return `${this.#tls ? 'rediss' : 'redis'}://${user}:${this.password(user)}@localhost:${this.port}`;
  }

  password(user: RedisUser): string {
    return this.#passwords.get(user) ?? '';
  }

  /** What it has written to its log since it was started last. */
  get log(): string {
    return this.#daemon?.output ?? '';
  }

  /** Starts it where it is not running; resolves when it has loaded its data and responds. */
  async restart(): Promise<void> {
    const args = [this.folder.join('redis.conf'), this.#tls ? '--tls-port' : '--port', String(this.port)];
    if (this.admin.status === 'wait') this.admin.connect().catch(() => undefined);
    this.#daemon = await Daemon.start(redisBinary ?? 'redis-server', args, {
      ready: () => Promise.resolve(this.admin.status === 'ready'),
    });
  }

  /** SIGTERM lets it write its data to disk; SIGKILL does not. */
  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    this.#daemon?.signal(signal);
    await this.#daemon?.stop();
  }

  /** Ends it and removes its folder. */
  async stop(): Promise<void> {
    this.admin.disconnect();
    await this.end('SIGKILL');
    await this.folder.remove();
  }

  /** A field of INFO. */
  async info(field: string): Promise<string> {
    return new RegExp(`^${field}:(.*?)\\r?$`, 'm').exec(await this.admin.info())?.[1] ?? '';
  }
}

/** A Sentinel with deploy/redis/sentinel.conf, its values replaced as its README describes. */
export class DeployedSentinel {
  readonly port: number;
  readonly #folder: WorkFolder;
  readonly #daemon: Daemon;

  private constructor(port: number, folder: WorkFolder, daemon: Daemon) {
    this.port = port;
    this.#folder = folder;
    this.#daemon = daemon;
  }

  /** @param options.password - what it asks for, as the last lines of sentinel.conf say. */
  static async watch(
    master: DeployedRedis,
    { password }: { password?: string } = {},
  ): Promise<DeployedSentinel> {
    const folder = await WorkFolder.create('sentinel');
    const port = await freePort();
    folder.render('redis/sentinel.conf', 'sentinel.conf', [
      ['/var/lib/redis', folder.path],
      ['main 10.0.0.1 6379', `main 127.0.0.1 ${master.port}`],
      ['SENTINEL_PASSWORD', master.password('sentinel')],
    ]);
    folder.change('sentinel.conf', ['port 26379', `port ${port}`]);
    if (password) {
      folder.change('sentinel.conf', ['# requirepass PASSWORD', `requirepass ${password}`]);
      folder.change('sentinel.conf', [
        '# sentinel sentinel-pass PASSWORD',
        `sentinel sentinel-pass ${password}`,
      ]);
    }
    const args = [folder.join('sentinel.conf'), '--sentinel'];
    const daemon = await Daemon.start(redisBinary ?? 'redis-server', args, {
      ready: async () => /PONG|NOAUTH/.test(String(await sentinelSays(port, 'PING').catch(String))),
    });
    return new DeployedSentinel(port, folder, daemon);
  }

  /** Resolves when it watches a master with a replica, together with this many others. */
  async knows({ others }: { others: number }): Promise<void> {
    await until(
      'the Sentinel knows the others and the replica',
      async () => {
        const list = (await sentinelSays(this.port, 'SENTINEL', 'MASTER', 'main')) as string[];
        const field = (name: string) => list[list.indexOf(name) + 1];
        return (
          field('num-other-sentinels') === String(others) &&
          field('num-slaves') === '1' &&
          field('flags') === 'master'
        );
      },
      { seconds: 30 },
    );
  }

  async stop(): Promise<void> {
    await this.#daemon.stop();
    await this.#folder.remove();
  }
}

async function sentinelSays(port: number, ...command: [string, ...string[]]): Promise<unknown> {
  const client = new Redis({
    port,
    lazyConnect: true,
    retryStrategy: null,
    enableReadyCheck: false,
    protocol: 2,
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return await client.call(...command);
  } finally {
    client.disconnect();
  }
}

/** What tls.conf needs: a certificate that is its own authority. */
async function useTls(folder: WorkFolder): Promise<string> {
  await mkdir(folder.join('tls'));
  const ca = await makeCertificate(folder.join('tls'), 'localhost');
  await writeFile(folder.join('tls/ca.pem'), ca);
  folder.render('redis/tls.conf', 'conf.d/tls.conf', [['/etc/redis', folder.path]]);
  return ca;
}

async function readPasswords(folder: WorkFolder): Promise<Map<RedisUser, string>> {
  const read = (user: RedisUser) => readFile(folder.join('passwords', user), 'utf8');
  return new Map(await Promise.all(USERS.map(async (user) => [user, await read(user)] as const)));
}

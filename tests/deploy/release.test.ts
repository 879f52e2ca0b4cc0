import { execFile } from 'node:child_process';
import { access, mkdir, mkdtemp, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { Daemon } from '../support/deploy/daemon.ts';
import { PRODUCTION } from '../support/deploy/pm2.ts';
import { makeRelease, switchTo, unpackRelease } from '../support/deploy/releases.ts';
import { until } from '../support/deploy/until.ts';
import { allAnswered, Visitors } from '../support/deploy/visitors.ts';
import { freePort } from '../support/redis-server.ts';

const run = promisify(execFile);
const OLD = '1.0.0';
const NEW = '1.1.0';

describe('a release', () => {
  let folder: string;
  let host: string;
  const releases: Record<string, string> = {};
  const tarballs: Record<string, string> = {};

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'release-'));
    host = join(folder, 'srv');
    await mkdir(join(host, 'releases'), { recursive: true });
    for (const version of [OLD, NEW]) {
      tarballs[version] = await makeRelease(version, folder);
      releases[version] = await unpackRelease(tarballs[version], host, version);
    }
  }, 180_000);

  afterAll(async () => {
    await rm(folder, { recursive: true });
  });

  const release = (version: string) => releases[version] ?? '';
  const activate = (version: string) => switchTo(release(version), { APP_ENV: join(folder, 'app.env') });

  describe('is packed', () => {
    const contents = async () => (await run('tar', ['-tzf', tarballs[OLD] ?? ''])).stdout.split('\n');

    test('in a folder that is named after the version, with what a host needs and nothing for development', async () => {
      const files = await contents();
      expect(files.filter((file) => file !== '' && !file.startsWith(`${OLD}/`))).toEqual([]);
      for (const needed of ['dist/server.js', 'dist/cluster.js', 'ecosystem.config.js', 'deploy/switch.sh']) {
        expect(files).toContain(`${OLD}/${needed}`);
      }
      expect(files).toContain(`${OLD}/node_modules/express/package.json`);
      const secrets = 'deploy/kubernetes/overlays/production/secrets/';
      for (const unneeded of [
        'node_modules/typescript/',
        'node_modules/jest/',
        'src/',
        'tests/',
        '.env',
        secrets,
      ]) {
        expect(files).not.toContain(`${OLD}/${unneeded}`);
      }
    });

    test('with a manifest that tells the version, and the packages it was packed with', async () => {
      const manifest = JSON.parse(await readFile(join(release(NEW), 'manifest.json'), 'utf8')) as unknown;
      expect(manifest).toMatchObject({ name: 'app', version: NEW, node: '>=20.19' });
      const description = JSON.parse(await readFile(join(release(NEW), 'package.json'), 'utf8')) as object;
      expect(description).toMatchObject({ version: NEW });
      expect(description).not.toHaveProperty('devDependencies');
    });

    test('with nothing of this machine in it', async () => {
      const { stdout } = await run('tar', ['-tvzf', tarballs[OLD] ?? '']);
      const lines = stdout.trim().split('\n');
      expect(lines.filter((line) => !/^\S{10} (?:0\/0|root\/root) /.test(line))).toEqual([]);
      // Group and others can't write anything.
      expect(lines.filter((line) => /^[d-].{4}w|^[d-].{7}w/.test(line))).toEqual([]);
    });

    test('and is refused when a file is not as it was packed', async () => {
      const file = join(release(NEW), 'dist', 'server.js');
      const original = await readFile(file);
      await writeFile(file, `${original.toString()}\n`);
      await expect(activate(NEW)).rejects.toThrow('checksum did NOT match');
      await writeFile(file, original);
      await expect(access(join(host, 'current'))).rejects.toThrow('ENOENT');
    });
  });

  describe('is made the current one', () => {
    let app: Daemon | undefined;
    let visitors: Visitors | undefined;

    afterEach(async () => {
      visitors?.kill();
      await app?.stop();
    });

    test('and back, under load, with a reload each: no request fails, and the right one answers', async () => {
      await writeFile(join(folder, 'app.env'), envFile());
      await activate(OLD);
      expect(await readlink(join(release(OLD), '.env'))).toBe(join(folder, 'app.env'));
      const port = await freePort();
      const url = `http://127.0.0.1:${port}`;
      const control = join(folder, 'control.sock');
      const env = { NODE_ENV: 'production', PORT: String(port), CONTROL_SOCKET: control };
      app = await Daemon.start(process.execPath, [join(host, 'current', 'dist', 'cluster.js')], {
        cwd: join(host, 'current'),
        env,
        ready: async () => (await fetch(`${url}/readyz`).catch(() => undefined))?.ok === true,
      });
      visitors = await Visitors.on(`${url}/version.txt`);
      await visitors.answers(OLD);
      for (const version of [NEW, OLD]) {
        await activate(version);
        await run(process.execPath, [join(host, 'current', 'dist', 'ctl.js'), 'reload'], { env });
        await visitors.answers(version);
        // Old workers still answer on connections they have; whoever comes anew gets the new ones.
        await until(`${version} answers`, async () => (await askAnew(`${url}/version.txt`)) === version);
      }
      const counts = await visitors.stop();
      expect(counts).toMatchObject(allAnswered(counts));
    }, 120_000);
  });
});

/** On a connection of its own. */
async function askAnew(url: string): Promise<string> {
  return (await fetch(url, { headers: { connection: 'close' } })).text();
}

/** /etc/app/app.env: two workers, and a Redis that is away, which is no reason not to serve. */
function envFile(): string {
  const settings = { ...PRODUCTION, STORE: 'redis', REDIS_URL: 'redis://127.0.0.1:1', WEB_CONCURRENCY: '2' };
  return Object.entries(settings)
    .map(([key, value]) => `${key}=${value}\n`)
    .join('');
}

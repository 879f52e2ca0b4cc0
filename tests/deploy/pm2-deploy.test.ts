import { execFile } from 'node:child_process';
import { mkdir, readlink, symlink, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { describeWithNpm } from '../support/deploy/npm-program.ts';
import { Pm2, PM2 } from '../support/deploy/pm2.ts';
import { repositoryPath, WorkFolder } from '../support/deploy/render.ts';
import { startSshd, type Sshd } from '../support/deploy/sshd.ts';
import { describeWith } from '../support/deploy/tools.ts';
import { allAnswered, Visitors } from '../support/deploy/visitors.ts';
import { TEST_SECRET } from '../support/config.ts';
import { freePort } from '../support/redis-server.ts';

const run = promisify(execFile);
const ROOT = repositoryPath();
const DEPLOY = ['deploy', 'production'];

describeWith(['sshd'], 'pm2 deploy, over SSH', () => {
  describeWithNpm(PM2, 'with the shipped ecosystem file', (bin) => {
    let folder: WorkFolder;
    let pm2: Pm2;
    let sshd: Sshd;
    let port: number;
    let visitors: Visitors | undefined;

    beforeAll(async () => {
      folder = await WorkFolder.create('pm2-ssh');
      port = await freePort();
      // The secret is in app.env, the rest in the environment of the session.
      pm2 = await Pm2.create(bin, { PORT: String(port), WEB_CONCURRENCY: '2', SESSION_SECRETS: '' });
      await prepareHost();
      sshd = await startSshd(folder, {
        ...pm2.env,
        PATH: `${folder.join('bin')}:${bin}:${pm2.env.PATH}`,
        REAL_PATH: pm2.env.PATH ?? '',
        APP_ENV: folder.join('host/app.env'),
      });
      await makeRepository();
    }, 120_000);

    afterEach(() => {
      visitors?.kill();
      visitors = undefined;
    });

    afterAll(async () => {
      await pm2.kill();
      await sshd.stop();
      await folder.remove();
    });

    const secrets = async (text: string) => writeFile(folder.join('host/app.env'), text);
    const git = async (...args: string[]) => run('git', args, { cwd: folder.join('checkout') });
    const deploy = async (...args: string[]) =>
      pm2.run([...DEPLOY, ...args], { cwd: folder.join('checkout'), seconds: 240 });
    const current = async () => readlink(folder.join('host/current'));

    /** What stands for /srv/app, and an npm whose `ci` costs no minute: whoever runs the tests has run it before. */
    async function prepareHost(): Promise<void> {
      for (const name of ['bin', 'host', 'host/releases']) await mkdir(folder.join(name));
      await secrets(`SESSION_SECRETS=${TEST_SECRET}\n`);
      const npm = `#!/bin/sh\n[ "$1" = ci ] && exec ln -sfn ${ROOT}node_modules node_modules\nPATH=$REAL_PATH exec npm "$@"\n`;
      await writeFile(folder.join('bin/npm'), npm, { mode: 0o755 });
    }

    /** The repository that the host fetches from, and a developer's checkout with the placeholders replaced. */
    async function makeRepository(): Promise<void> {
      await run('git', [
        'clone',
        '--quiet',
        '--bare',
        '--depth',
        '1',
        `file://${ROOT}`,
        folder.join('app.git'),
      ]);
      await run('git', ['-C', folder.join('app.git'), 'branch', '-M', 'main']);
      await run('git', ['clone', '--quiet', folder.join('app.git'), folder.join('checkout')]);
      // PM2 reads the ecosystem file, which builds a checkout.
      await symlink(`${ROOT}node_modules`, folder.join('checkout/node_modules'));
      await git('config', 'user.name', 'test');
      await git('config', 'user.email', 'test@example.com');
      const { port: sshPort, key, knownHosts } = sshd;
      const host = `host: [{ host: '127.0.0.1', port: '${sshPort}' }]`;
      const ssh = `key: '${key}', ssh_options: ['UserKnownHostsFile=${knownHosts}', 'IdentitiesOnly=yes']`;
      for (const change of [
        ['user: name', `user: '${userInfo().username}'`],
        ["host: ['example.com']", `${host}, ${ssh}`],
        ['`git@example.com:${name}.git`', `'${folder.join('app.git')}'`],
        ['`/srv/${name}/build`', `'${folder.join('build')}'`],
      ] as const) {
        folder.change('checkout/ecosystem.config.js', change);
      }
      folder.change('checkout/deploy/pm2/post-deploy.sh', ['/srv/app', folder.join('host')]);
    }

    /** A new version on the branch that is deployed. */
    async function push(version: string): Promise<void> {
      await writeFile(folder.join('checkout/public/version.txt'), version);
      await git('add', '--all');
      await git('commit', '--quiet', '--message', version);
      await git('tag', version);
      await git('push', '--quiet', '--tags', 'origin', 'main');
    }

    test('sets up the host, deploys two versions and goes back to the first; no request fails', async () => {
      await push('1.0.0');
      await deploy('setup');
      await deploy();
      expect(await current()).toBe('releases/1.0.0');
      visitors = await Visitors.on(`http://127.0.0.1:${port}/version.txt`);
      await visitors.answers('1.0.0');
      await push('1.1.0');
      await deploy();
      await visitors.answers('1.1.0');
      await deploy('revert', '1');
      await visitors.answers('1.0.0');
      expect(await current()).toBe('releases/1.0.0');
      const counts = await visitors.stop();
      expect(counts).toMatchObject(allAnswered(counts));
    }, 600_000);

    test.each([
      ['the tag does not exist', () => Promise.resolve(['ref', '9.9.9']), /git reset failed/],
      ['the secret is missing', async () => secrets('').then(() => []), /config: SESSION_SECRETS is missing/],
      [
        'the release ends at its start',
        async () => {
          await secrets(`SESSION_SECRETS=${TEST_SECRET}\n`);
          await writeFile(folder.join('checkout/src/server.ts'), 'throw new Error("bad release");\n');
          return push('1.2.0').then(() => []);
        },
        /1\.2\.0 does not start \(exit code 1\)/,
      ],
    ])(
      'fails and leaves the old release as it is, if %s',
      async (_, prepare, message) => {
        const before = await pm2.pids();
        await expect(deploy(...(await prepare()))).rejects.toThrow(message);
        expect(await current()).toBe('releases/1.0.0');
        expect(await pm2.pids()).toEqual(before);
        const response = await fetch(`http://127.0.0.1:${port}/version.txt`);
        expect(await response.text()).toBe('1.0.0');
      },
      300_000,
    );
  });
});

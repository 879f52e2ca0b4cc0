import { cp } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { describeWithDocker } from '../support/deploy/docker.ts';
import { repositoryPath } from '../support/deploy/render.ts';
import { describeWithSystemd } from '../support/deploy/systemd.ts';
import { describeWith } from '../support/deploy/tools.ts';
import { TemplateCopy, type Outcome } from '../support/template-copy.ts';

/** Tests of the clone's own suites: a login through each target, and what the caches do about it. */
const TESTS = {
  'tests/deploy/compose.test.ts': ['brings up nginx, the app and Redis', 'logs in, with the client'],
  'tests/deploy/systemd.test.ts': ['a visitor logs in'],
  'tests/deploy/pm2.test.ts': ['a visitor logs in to pm2-runtime'],
  'tests/deploy/nginx-hosts.test.ts': [
    'two users who are logged in',
    'a visitor who is logged in gets nothing',
  ],
  'tests/deploy/varnish.test.ts': ['caches the list, keeps a session apart'],
};

describeWithDocker('a clone with a name of its own', () => {
  describeWithSystemd('in its targets', () => {
    describeWith(['nginx', 'brotli', 'openssl', 'redis', 'varnish'], 'and behind its proxies', () => {
      let copy: TemplateCopy;

      beforeAll(async () => {
        copy = await TemplateCopy.create();
        await succeed(copy.init('acme-shop', '--domain', 'acme.example', '--yes'));
        await succeed(copy.node('scripts/build.mjs'));
        // With other names in their scripts, the labs would have to be set up again.
        await cp(repositoryPath('tests/lab'), copy.file('tests/lab'), { recursive: true });
      }, 120_000);
      afterAll(() => copy.remove());

      test('calls its cookie by that name', async () => {
        const script =
          "import('./dist/session.js').then((session) => console.log(session.sessionCookie.name))";
        expect(await copy.node('-e', script)).toEqual({ code: 0, output: 'acme-shop.sid\n' });
      });

      test('has its users log in through all of them, and no proxy caches that', async () => {
        const names = Object.values(TESTS).flat();
        const options = ['-c', 'jest.deploy.config.mjs', '-t', `(${names.join('|')})`];
        const outcome = await copy.test(...options, ...Object.keys(TESTS));
        const passed = new RegExp(`^Tests: +\\d+ skipped, ${names.length} passed, \\d+ total$`, 'm');
        expect([outcome.code, outcome.output]).toEqual([0, expect.stringMatching(passed)]);
      }, 600_000);
    });
  });
});

async function succeed(running: Promise<Outcome>): Promise<void> {
  const { code, output } = await running;
  if (code !== 0) throw new Error(output);
}

import { readFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { PASSWORD } from '../support/deploy/app-host.ts';
import { describeWithDocker } from '../support/deploy/docker.ts';
import type { Load, LoadResult } from '../support/deploy/load.ts';
import { describeWithSwarm, Swarm } from '../support/deploy/swarm.ts';
import { until } from '../support/deploy/until.ts';

/** Serves on every path but the one that it is asked for its health. */
const RUBBISH = [
  "ENV RUBBISH=\"require('node:http').createServer((q, s) => { s.statusCode = q.url === '/readyz' ? 500 : 200; s.end('rubbish') }).listen(3000)\"",
  'CMD ["sh", "-c", "exec node -e \\"$RUBBISH\\""]',
];
const HOSTS = ['n1', 'n2', 'n3'] as const;

describeWithDocker('deploy/swarm', () => {
  describeWithSwarm('on three hosts', () => {
    let swarm: Swarm;
    let load: Load | undefined;
    let cookie = '';

    beforeAll(async () => {
      swarm = await Swarm.up();
    }, 900_000);
    afterEach(() => load?.kill());
    afterAll(async () => {
      await swarm.down();
    }, 120_000);

    const visit = async () => {
      const headers = { Cookie: cookie };
      load = swarm.load([
        { path: '/api/items/7', lacks: 'rubbish' },
        { path: '/api/session', headers, contains: 'ada' },
      ]);
      await load.goOn(50);
      return load;
    };
    const report = (what: string, { failed, sent, retried }: LoadResult, begun: number) => {
      const seconds = ((performance.now() - begun) / 1000).toFixed(0);
      process.stderr.write(
        `${what}: ${failed} of ${sent} requests lost (${retried} retried), ${seconds} s\n`,
      );
    };
    /** Runs something under load, of which no request may fail. */
    const expectNoneLost = async (what: string, change: () => Promise<void>) => {
      const under = await visit();
      const begun = performance.now();
      await change();
      await under.goOn(100);
      const result = await under.stop();
      report(what, result, begun);
      expect(result).toMatchObject({ failed: 0, wrong: 0, failures: [] });
    };
    const isLoggedIn = async (host: (typeof HOSTS)[number]) =>
      (await swarm.curl(host, '/api/session', '--cookie', cookie)).includes('"name":"ada"');
    const versions = async () => (await swarm.running()).map((line) => line.split(' ')[1]);

    test('reports missing secrets before it changes anything', async () => {
      const { code, output } = await swarm.script('deploy.sh', '1.0.0');
      expect({ code, output }).toMatchObject({
        code: 1,
        output: expect.stringContaining('run secrets.sh first'),
      });
      expect(await swarm.docker('n2', ['network', 'ls', '--filter', `name=${swarm.name}_`, '--quiet'])).toBe(
        '',
      );
    }, 60_000);

    test('deploys, and each host has the sessions of all', async () => {
      await swarm.succeed('secrets.sh');
      await swarm.succeed('deploy.sh', '1.0.0');
      expect(await swarm.running()).toEqual(['n1 1.0.0', 'n2 1.0.0', 'n3 1.0.0']);
      await until('the store is there', async () => (await swarm.curl('n1', '/readyz')).includes('"up"'));
      const json = ['-H', 'Content-Type: application/json', '-d', `{"name":"ada","password":"${PASSWORD}"}`];
      cookie = /^set-cookie: (.*?);/im.exec(await swarm.curl('n1', '/api/session', ...json))?.[1] ?? '';
      // As often as there are containers, because nginx takes turns.
      for (const host of HOSTS) for (let i = 0; i < 3; i++) expect(await isLoggedIn(host)).toBe(true);
      const log = await swarm.docker('n2', ['service', 'logs', '--raw', `${swarm.name}_nginx`]);
      expect(new Set(log.match(/"upstream":"[^":,]+:3000"/g)).size).toBe(3);
    }, 700_000);

    test('updates under load, and no request fails', async () => {
      await swarm.push('1.1.0', 'LABEL version=1.1.0');
      await expectNoneLost('update', () => swarm.succeed('deploy.sh', '1.1.0'));
      expect(await versions()).toEqual(['1.1.0', '1.1.0', '1.1.0']);
    }, 700_000);

    test('rolls back an image that is never healthy, and nobody sees a response of it', async () => {
      await swarm.push('1.2.0', ...RUBBISH);
      await expectNoneLost('broken image', async () => {
        const { code, output } = await swarm.script('deploy.sh', '1.2.0');
        expect({ code, output }).toMatchObject({ code: 1, output: expect.stringContaining('1.2.0 failed') });
        expect(output).toMatch(/unhealthy|non-zero exit/);
      });
      expect(await versions()).toEqual(['1.1.0', '1.1.0', '1.1.0']);
    }, 700_000);

    describe('changes nothing and reports it, if', () => {
      const expectFailure = async (reason: RegExp, version = '1.1.0') => {
        const before = await swarm.running();
        const { code, output } = await swarm.script('deploy.sh', version);
        expect({ code, output }).toMatchObject({ code: 1, output: expect.stringMatching(reason) });
        expect(await swarm.running()).toEqual(before);
        expect(await isLoggedIn('n2')).toBe(true);
      };

      test(
        'the tag does not exist',
        () => expectFailure(/9\.9\.9 is not available\. Nothing was changed/, '9.9.9'),
        60_000,
      );

      test('a secret was removed', async () => {
        const names = swarm.folder.join('deploy/swarm/secrets/names');
        const text = readFileSync(names, 'utf8');
        swarm.folder.change('deploy/swarm/secrets/names', [`${swarm.name}-users-`, `${swarm.name}-nobody-`]);
        await expectFailure(/Run secrets\.sh first\. Nothing was changed/);
        swarm.folder.change('deploy/swarm/secrets/names', [`${swarm.name}-nobody-`, `${swarm.name}-users-`]);
        expect(readFileSync(names, 'utf8')).toBe(text);
      }, 60_000);

      test('no host has room', async () => {
        const file = 'deploy/swarm/stack.yml';
        const wish = ["cpus: '0.25', memory: 256m", "cpus: '0.25', memory: 900g"] as const;
        swarm.folder.change(file, wish);
        await expectFailure(/found no room.*no suitable node/s);
        swarm.folder.change(file, [wish[1], wish[0]]);
      }, 300_000);
    });

    test('takes another session secret under load, and nobody is logged out', async () => {
      await expectNoneLost('another session secret', async () => {
        await swarm.succeed('secrets.sh', 'rotate');
        await swarm.succeed('deploy.sh', '1.1.0');
      });
      for (const host of HOSTS) expect(await isLoggedIn(host)).toBe(true);
    }, 700_000);

    test('empties a host under load, and no request fails', async () => {
      // Three containers, of which n2 has two at most.
      const host = (await swarm.running()).map((line) => line.slice(0, 2)).find((one) => one !== 'n2') ?? '';
      await expectNoneLost(`drain of ${host}`, async () => {
        await swarm.docker('n2', ['node', 'update', '--availability', 'drain', host]);
        await swarm.untilRunning(
          'all are elsewhere',
          (all) => all.length === 3 && !all.some((line) => line.startsWith(host)),
        );
      });
      await swarm.docker('n2', ['node', 'update', '--availability', 'active', host]);
      await swarm.succeed('deploy.sh', '1.1.0');
    }, 300_000);

    test('loses no GET when a host with containers, the leader, loses its power', async () => {
      // Spreads them again, as the README says.
      await swarm.docker('n2', ['service', 'update', '--force', '--quiet', `${swarm.name}_app`], 300);
      expect(
        await swarm.docker('n2', ['node', 'inspect', '--format', '{{.ManagerStatus.Leader}}', 'n1']),
      ).toBe('true');
      const headers = { Cookie: cookie, 'Content-Type': 'application/json' };
      const write = { path: '/api/items/8', method: 'PATCH', headers, body: '{"city":"Lima"}' };
      const reads = await visit();
      const writes = swarm.load([write], 4);
      try {
        await writes.goOn(20);
        await swarm.power('crash', 'n1');
        const begun = performance.now();
        await reads.goOn(600);
        await writes.goOn(200);
        const serving = performance.now() - begun;
        await swarm.untilRunning(
          'all run elsewhere',
          (all) => all.filter((line) => !line.startsWith('n1')).length === 3,
        );
        const results = [await reads.stop(), await writes.stop()] as const;
        report('power cut, GET', results[0], begun);
        report('power cut, PATCH', results[1], begun);
        process.stderr.write(`power cut: 600 GETs and 200 PATCHes after ${(serving / 1000).toFixed(1)} s\n`);
        expect(results[0]).toMatchObject({ failed: 0, wrong: 0, failures: [] });
        // One per client at most: those that were on their way.
        expect(results[1].failed).toBeLessThanOrEqual(4);
        expect(serving).toBeLessThan(20_000);
      } finally {
        writes.kill();
      }
      await swarm.power('start', 'n1');
      await until('its edge serves again', async () => isLoggedIn('n1').catch(() => false), { seconds: 120 });
    }, 400_000);
  });
});

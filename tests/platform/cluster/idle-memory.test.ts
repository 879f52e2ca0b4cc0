import { readFile } from 'node:fs/promises';
import { afterEach, describe, expect, test } from '@jest/globals';
import { AppProcess } from '../../support/app-process.ts';
import { until } from '../../support/deploy/until.ts';

const MIB = 1024 ** 2;
/** What the fixture's garbage takes at least. */
const GARBAGE_BYTES = 100 * MIB;

const running: AppProcess[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((app) => app.stop()));
});

async function start(env: Record<string, string> = {}): Promise<AppProcess> {
  const app = new AppProcess(
    { LOG_LEVEL: 'debug', ...env },
    { nodeArgs: ['--import', './tests/fixtures/garbage-on-signal.mjs'] },
  );
  running.push(app);
  await app.url();
  return app;
}

async function makeGarbage(app: AppProcess): Promise<void> {
  app.kill('SIGUSR2');
  await app.logged(/^made garbage/);
}

async function rssBytes({ child }: AppProcess): Promise<number> {
  const status = await readFile(`/proc/${child.pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) * 1024;
}

/** Asks now and every half a second, as balancers do. */
function probing(url: string) {
  const statuses: number[] = [];
  const ask = () => fetch(url).then(({ status }) => statuses.push(status));
  let asked = ask();
  const timer = setInterval(() => {
    asked = ask();
  }, 500);
  const stop = async () => {
    clearInterval(timer);
    await asked;
  };
  return { statuses, stop };
}

describe('a process that has nothing to do', () => {
  test('gives the memory of its garbage back to the system, while it is probed', async () => {
    const [app, other] = await Promise.all([
      start({ IDLE_MEMORY_SECONDS: '0.5' }),
      start({ IDLE_MEMORY_SECONDS: '0' }),
    ]);
    await Promise.all([makeGarbage(app), makeGarbage(other)]);
    const probe = probing(`${await app.url()}/livez`);
    const saved = async () => (await rssBytes(other)) - (await rssBytes(app));
    // V8 would do so by itself some 8 s after its last full collection, if there was one.
    await until('the garbage is given back', async () => (await saved()) > GARBAGE_BYTES, { seconds: 7 });
    await app.logged(/^idle memory given back/);
    expect(other.log.filter(({ msg }) => msg === 'idle memory given back')).toEqual([]);
    await probe.stop();
    expect(new Set(probe.statuses)).toEqual(new Set([200]));
  }, 30_000);
});

import { afterEach, describe, expect, test } from '@jest/globals';
import request from 'supertest';
import express from 'express';
import { health } from '../../../src/platform/http/middleware/health.ts';
import { Lifecycle } from '../../../src/platform/lifecycle/lifecycle.ts';
import { AppProcess } from '../../support/app-process.ts';

let app: AppProcess | undefined;
afterEach(async () => {
  await app?.stop();
});

function start(env: Record<string, string> = {}): AppProcess {
  app = new AppProcess({ ...env }, { entry: 'tests/fixtures/app-with-hooks.mjs' });
  return app;
}

const messages = ({ log }: AppProcess) => log.map(({ msg }) => msg);

describe('the end of a process', () => {
  test('comes after the last request: jobs end first, then what the app opened, the last one first', async () => {
    const running = start();
    await running.logged('job runs');
    running.kill('SIGTERM');
    expect((await running.exit()).code).toBe(0);
    const order = ['draining', 'drained', 'job aborted', 'queue closed', 'database closed'];
    expect(messages(running).filter((msg) => order.includes(String(msg)))).toEqual(order);
  });

  test('waits for no hook that is stuck: a second signal leaves two seconds, and the others run', async () => {
    const running = start({ STUCK_HOOK: '1', DRAIN_TIMEOUT_SECONDS: '600', LINGER_SECONDS: '0' });
    await running.logged('job runs');
    running.kill('SIGTERM');
    await running.logged('job aborted');
    // The same signal again within 300 ms would count as an echo.
    await new Promise((resolve) => setTimeout(resolve, 400));
    running.kill('SIGTERM');
    expect((await running.exit()).code).toBe(1);
    expect(messages(running)).toContain('shutdown hook took too long');
    expect(messages(running)).toContain('database closed');
  });
});

describe('/readyz', () => {
  const ask = async (checks: Record<string, boolean>, readyRequiresStore = false) => {
    const lifecycle = new Lifecycle();
    for (const [name, isUp] of Object.entries(checks)) lifecycle.addCheck(name, () => isUp);
    lifecycle.markReady();
    const served = express().use(health({ lifecycle, storeIsUp: () => true, readyRequiresStore }));
    const response = await request(served).get('/readyz');
    return { status: response.status, body: response.body as unknown };
  };

  test('names the stores that the app has added', async () => {
    expect(await ask({ database: true, queue: true })).toEqual({
      status: 200,
      body: { status: 'ready', store: 'up', checks: { database: 'up', queue: 'up' } },
    });
    expect(await ask({})).toEqual({ status: 200, body: { status: 'ready', store: 'up' } });
  });

  test.each([false, true])(
    'is degraded, and still ready, while one is down (Redis required: %p)',
    async (required) => {
      expect(await ask({ database: false, queue: true }, required)).toEqual({
        status: 200,
        body: { status: 'degraded', store: 'up', checks: { database: 'down', queue: 'up' } },
      });
    },
  );
});

import { describe, expect, test } from '@jest/globals';
import { loadProcessManagerEnv } from '../../../src/platform/config/process-manager-env.ts';

const PID = 4711;
const read = (env: Record<string, string>) => loadProcessManagerEnv(env, PID);

describe('what started the process', () => {
  test('may say nothing', () => {
    expect(Object.values(read({})).every((value) => value === undefined)).toBe(true);
  });

  test('hands over one socket, if it is meant for this process or comes from its primary', () => {
    expect(read({ LISTEN_FDS: '1', LISTEN_PID: '4711' }).listenFd).toBe(3);
    expect(read({ LISTEN_FDS: '1', LISTEN_PID: '1' }).listenFd).toBeUndefined();
    expect(read({ LISTEN_FDS: '1' }).listenFd).toBeUndefined();
    expect(read({ LISTEN_FDS: '2', LISTEN_PID: '4711' }).listenFd).toBeUndefined();
    expect(read({ LISTEN_FDS: '1', WORKER_SLOT: '0' }).listenFd).toBe(3);
  });

  test('waits for signs of life, if it is from this process', () => {
    expect(read({ WATCHDOG_USEC: '30000000' }).watchdogMs).toBe(30_000);
    expect(read({ WATCHDOG_USEC: '30000000', WATCHDOG_PID: '4711' }).watchdogMs).toBe(30_000);
    expect(read({ WATCHDOG_USEC: '30000000', WATCHDOG_PID: '1' }).watchdogMs).toBeUndefined();
    expect(read({ WATCHDOG_USEC: '0' }).watchdogMs).toBeUndefined();
  });

  test('is not believed when it makes no sense', () => {
    expect(read({ WORKER_SLOT: '-1', NODE_APP_INSTANCE: 'x', WATCHDOG_USEC: '1e9' })).toMatchObject({
      workerSlot: undefined,
      pm2Instance: undefined,
      watchdogMs: undefined,
    });
  });
});

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { Agent, createServer, get } from 'node:http';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, test } from '@jest/globals';
import { listen } from '../../../src/platform/lifecycle/listen.ts';
import { until } from '../../support/deploy/until.ts';
import { productionEnv } from '../../support/production-env.ts';

const jobs: (() => unknown)[] = [];
afterEach(async () => {
  for (const job of jobs.splice(0).reverse()) await job();
});

/** A process may have this many: Node opens the modules of a start all at once, and the app keeps about 25. */
const DESCRIPTORS = 128;

async function start(entry: string) {
  const folder = await mkdtemp(join(tmpdir(), 'descriptors-'));
  jobs.push(() => rm(folder, { recursive: true }));
  // It looks at its memory once a second.
  const env = await productionEnv(folder, { IDLE_MEMORY_SECONDS: '1' });
  const child = spawn(
    'sh',
    ['-c', `ulimit -n ${DESCRIPTORS}; exec "$0" tests/fixtures/whole-app/${entry}.js`, process.execPath],
    { env, stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const ended = once(child, 'exit');
  jobs.push(() => child.kill('SIGKILL'));
  const log = text(child.stdout);
  return { port: Number(env.PORT), adminPort: Number(env.ADMIN_PORT), child, ended, log };
}

/** Asks on a connection of its own, or on the one that the agent keeps. */
function ask(port: number, path: string, agent?: Agent): Promise<number | undefined> {
  return new Promise((resolve) => {
    const sent = get({ host: '127.0.0.1', port, path, agent: agent ?? false }, (response) => {
      response.resume().on('end', () => {
        resolve(response.statusCode);
      });
    });
    sent.on('error', () => {
      resolve(undefined);
    });
  });
}

/** Opens connections until some of them are refused. Returns what closes those that are left. */
async function useUp(port: number): Promise<() => void> {
  const open = new Set<Socket>();
  let refused = 0;
  await until('connections are refused', () => {
    for (let count = 0; count < 20; count++) {
      const socket = connect(port, '127.0.0.1').on('error', () => undefined);
      open.add(socket);
      socket.on('close', () => {
        open.delete(socket);
        refused++;
      });
    }
    return refused > DESCRIPTORS;
  });
  return () => {
    for (const socket of open) socket.destroy();
  };
}

describe('without a descriptor left,', () => {
  test.each(['server', 'cluster'])(
    '%s.js refuses connections, serves those that it has, and recovers',
    async (entry) => {
      const { port, adminPort, child, ended, log } = await start(entry);
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      const adminAgent = new Agent({ keepAlive: true, maxSockets: 1 });
      jobs.push(() => {
        agent.destroy();
        adminAgent.destroy();
      });
      await until('it serves', async () => (await ask(port, '/livez', agent)) === 200);
      expect(await ask(adminPort, '/metrics', adminAgent)).toBe(200);

      const free = await useUp(port);
      // Each process looks at its memory once a second.
      let rounds = 0;
      await until('it has served on for a while', async () => {
        expect(await ask(port, '/livez', agent)).toBe(200);
        expect(await ask(port, '/api/items/1', agent)).toBe(200);
        expect([200, 503]).toContain(await ask(port, '/style.css', agent));
        expect(await ask(adminPort, '/metrics', adminAgent)).toBe(200);
        return ++rounds > 100;
      });

      free();
      for (const path of ['/livez', '/api/items/1', '/style.css']) {
        await until(`${path} is served again`, async () => (await ask(port, path)) === 200);
      }
      child.kill('SIGTERM');
      expect(await ended).toEqual([0, null]);
      expect(await log).not.toMatch(/"msg":"(?:crash|worker crashed)"/);
    },
    60_000,
  );
});

test('a connection that cannot be accepted does not end the process', async () => {
  const server = createServer();
  await listen(server, { host: '127.0.0.1', port: 0 });
  jobs.push(() => server.close());
  const error = Object.assign(new Error('accept EMFILE'), { code: 'EMFILE' });
  expect(() => server.emit('error', error)).not.toThrow();
});

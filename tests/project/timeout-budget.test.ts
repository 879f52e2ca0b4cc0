import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { repositoryPath } from '../support/deploy/render.ts';
import { stopTimeoutSeconds } from '../../src/platform/supervisor/policy.ts';
import { testConfig } from '../support/config.ts';

interface Ecosystem {
  readonly apps: readonly { readonly kill_timeout: number; readonly listen_timeout: number }[];
}

/** A target that was removed has no times to compare. */
const has = (path: string) => existsSync(repositoryPath(path));

// It is PM2's to read, so it is no TypeScript.
const ecosystem = 'ecosystem.config.js';
const { apps } = has(ecosystem) ? ((await import(repositoryPath(ecosystem))) as Ecosystem) : { apps: [] };

// The shipped defaults, or the times that are set in the environment: docs/change-the-timeouts.md.
const times = Object.entries(process.env).filter(([name]) => name.endsWith('_SECONDS'));
const config = testConfig(Object.fromEntries(times.map(([name, value = '']) => [name, value])));
const stopSeconds = stopTimeoutSeconds(config);

const read = (path: string) => readFileSync(repositoryPath(path), 'utf8');
const filesIn = (folder: string, ending: string) =>
  (has(folder) ? readdirSync(repositoryPath(folder)) : [])
    .filter((name) => name.endsWith(ending))
    .map((name) => `${folder}/${name}`);

/** The values in a file, as the pattern's group. A file without one fails the test: a default would apply. */
function valuesIn(path: string, pattern: RegExp): string[] {
  const values = [...read(path).matchAll(pattern)].map(([, value]) => value ?? '');
  if (values.length === 0) throw new Error(`${path} does not say ${String(pattern)}`);
  return values;
}

/** `90`, `90s`, `1m30s`, `1500ms`: all in seconds. */
function seconds(text: string): number {
  const units: Record<string, number> = { ms: 0.001, s: 1, m: 60, min: 60, h: 3600, '': 1 };
  const parts = [...text.matchAll(/(\d+)(ms|min|[smh]|)/g)];
  return parts.reduce((sum, [, count, unit = '']) => sum + Number(count) * (units[unit] ?? Number.NaN), 0);
}

const secondsIn = (path: string, pattern: RegExp) => valuesIn(path, pattern).map(seconds);

describe('within the app', () => {
  test('the linger is a part of the drain', () => {
    expect(config.LINGER_SECONDS).toBeLessThanOrEqual(config.DRAIN_TIMEOUT_SECONDS);
  });

  test('Node keeps idle connections longer than it waits for headers', () => {
    expect(config.KEEP_ALIVE_TIMEOUT_SECONDS).toBeGreaterThan(config.HEADERS_TIMEOUT_SECONDS);
  });
});

describe('whatever stops the app waits longer than the app takes', () => {
  const pm2KillSeconds = apps.map(({ kill_timeout }) => kill_timeout / 1000);

  test('PM2: kill_timeout', () => {
    for (const patience of pm2KillSeconds) expect(patience).toBeGreaterThan(stopSeconds);
  });

  for (const path of filesIn('deploy/systemd', '.service'))
    test(`${path}: TimeoutStopSec`, () => {
      for (const patience of secondsIn(path, /^TimeoutStopSec=(.+)$/gm))
        expect(patience).toBeGreaterThan(stopSeconds);
    });

  for (const path of filesIn('deploy/upstart', '.conf'))
    test(`${path}: kill timeout`, () => {
      for (const patience of secondsIn(path, /^kill timeout (.+)$/gm))
        expect(patience).toBeGreaterThan(stopSeconds);
    });

  for (const path of ['docker-compose.yml'].filter(has))
    test(`${path}: stop_grace_period of the app`, () => {
      const [, app = ''] = /^ {2}app:\n((?: {4}.*\n|\n)+)/m.exec(read(path)) ?? [];
      const [, grace = '0'] = /^ {4}stop_grace_period: (\S+)$/m.exec(app) ?? [];
      expect(seconds(grace)).toBeGreaterThan(stopSeconds);
    });

  for (const path of ['deploy/swarm/stack.yml'].filter(has))
    test(`${path}: stop_grace_period of the app, with its own DRAIN_DELAY_SECONDS`, () => {
      const [delay = 0] = secondsIn('deploy/swarm/app.env', /^DRAIN_DELAY_SECONDS=(.+)$/gm);
      const [, app = ''] = /^ {2}app:\n((?: {4}.*\n|\n)+)/m.exec(read(path)) ?? [];
      const [, grace = '0'] = /^ {4}stop_grace_period: (\S+)$/m.exec(app) ?? [];
      expect(seconds(grace)).toBeGreaterThan(stopSeconds - config.DRAIN_DELAY_SECONDS + delay);
    });

  for (const path of ['deploy/forever/app.json'].filter(has))
    test(`${path}: SIGTERM, and never a SIGKILL after it`, () => {
      const job = JSON.parse(read(path)) as Record<string, unknown>;
      expect(job.killSignal).toBe('SIGTERM');
    });

  for (const path of ['deploy/systemd/app-pm2.service', 'deploy/upstart/app-pm2.conf'].filter(has))
    test(`${path}: waits longer than PM2 does`, () => {
      const [patience = 0] = secondsIn(path, /^(?:TimeoutStopSec=|kill timeout )(.+)$/gm);
      expect(patience).toBeGreaterThan(Math.max(...pm2KillSeconds));
    });
});

describe('whatever starts the app waits longer than it may take', () => {
  /** The first worker boots alone, the others after it. */
  const boot = 2 * config.BOOT_TIMEOUT_SECONDS;

  test('PM2: listen_timeout, for one process', () => {
    for (const { listen_timeout } of apps) {
      expect(listen_timeout / 1000).toBeGreaterThanOrEqual(config.BOOT_TIMEOUT_SECONDS);
    }
  });

  for (const path of filesIn('deploy/systemd', '.service'))
    test(`${path}: TimeoutStartSec`, () => {
      for (const patience of secondsIn(path, /^TimeoutStartSec=(.+)$/gm))
        expect(patience).toBeGreaterThan(boot);
    });

  for (const path of filesIn('deploy/upstart', '.conf'))
    test(`${path}: post-start`, () => {
      for (const patience of secondsIn(path, /wait-ready\.mjs \S+ (\d+)$/gm)) {
        expect(patience).toBeGreaterThanOrEqual(boot);
      }
    });
});

/** How long each proxy keeps an idle connection to the app, and how long it waits for a response. */
const PROXIES = [
  {
    name: 'deploy/nginx',
    idle: () => secondsIn('deploy/nginx/app/upstream.conf', /^\s*keepalive_timeout (\w+);/gm),
    response: () => secondsIn('deploy/nginx/app/proxy.conf', /^\s*proxy_read_timeout (\w+);/gm),
  },
  {
    name: 'deploy/haproxy',
    // It looks each 5 s (pool-purge-delay) and closes half of those that were idle: a connection lasts a few rounds.
    idle: () =>
      secondsIn('deploy/haproxy/haproxy.cfg', /^[^#\n]*pool-purge-delay (\w+)/gm).map((delay) => delay * 5),
    response: () => secondsIn('deploy/haproxy/haproxy.cfg', /^\s*timeout server (\w+)/gm),
  },
  {
    name: 'deploy/varnish',
    // varnishd's parameter backend_idle_timeout; the VCL has no word for it.
    idle: () => [60],
    response: () => secondsIn('deploy/varnish/default.vcl', /^\s*\.first_byte_timeout = (\w+);/gm),
  },
];

for (const { name, idle, response } of PROXIES.filter((proxy) => has(proxy.name))) {
  describe(`the times of ${name}`, () => {
    test('closes idle connections before Node does, or it sends requests on closed ones', () => {
      for (const one of idle()) expect(one).toBeLessThan(config.KEEP_ALIVE_TIMEOUT_SECONDS);
    });

    test('waits for a response longer than the app lets a handler take', () => {
      for (const one of response()) expect(one).toBeGreaterThan(config.REQUEST_TIMEOUT_SECONDS);
    });
  });
}

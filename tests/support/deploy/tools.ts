import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { describe, test } from '@jest/globals';

/** A program the deploy tests run, and how to get it. */
interface Tool {
  /** Whether it is there. */
  readonly isThere: () => boolean;
  /** The command that installs it. */
  readonly howTo: string;
}

const runs =
  (binary: string, ...args: string[]) =>
  () =>
    spawnSync(binary, args, { stdio: 'ignore' }).error === undefined;

const apt = (...packages: string[]) => `apt-get install --no-install-recommends ${packages.join(' ')}`;

/** Every program a deploy test may need. */
export const TOOLS = {
  nginx: { isThere: runs('nginx', '-v'), howTo: apt('nginx') },
  brotli: {
    isThere: () => existsSync('/usr/lib/nginx/modules/ngx_http_brotli_static_module.so'),
    howTo: apt('libnginx-mod-http-brotli-filter', 'libnginx-mod-http-brotli-static'),
  },
  haproxy: { isThere: runs('haproxy', '-v'), howTo: apt('haproxy') },
  varnish: { isThere: runs('varnishd', '-V'), howTo: apt('varnish', 'gcc', 'libc6-dev') },
  redis: { isThere: runs('redis-server', '--version'), howTo: apt('redis-server') },
  prometheus: {
    isThere: () =>
      ['promtool', 'amtool', 'prometheus-blackbox-exporter'].every((binary) => runs(binary, '--version')()),
    howTo: apt('prometheus', 'prometheus-alertmanager', 'prometheus-blackbox-exporter'),
  },
  ansible: { isThere: runs('ansible-playbook', '--version'), howTo: apt('ansible-core', 'openssh-client') },
  sshd: { isThere: () => existsSync('/usr/sbin/sshd'), howTo: apt('openssh-server', 'openssh-client') },
  openssl: { isThere: runs('openssl', 'version'), howTo: apt('openssl') },
} as const satisfies Record<string, Tool>;

/**
 * `describe` for a suite that needs what a machine may lack. There it is skipped with a line that says how to install it;
 * with CI=true that is a failure, because a skipped test proves nothing.
 *
 * @param missing - what to do about it; undefined where nothing is missing.
 */
export function describeUnless(missing: string | undefined, name: string, suite: () => void): void {
  if (missing === undefined) {
    describe(name, suite);
    return;
  }
  const line = `${name}: not tested. ${missing}`;
  if (process.env.CI === 'true') {
    test(`${name} has what it needs`, () => {
      throw new Error(line);
    });
  } else {
    process.stderr.write(`skipped: ${line}\n`);
    describe.skip(name, suite);
  }
}

/** `describe` for a suite that needs programs. See {@link describeUnless}. */
export function describeWith(tools: readonly (keyof typeof TOOLS)[], name: string, suite: () => void): void {
  const missing = tools.map((tool): Tool => TOOLS[tool]).filter((tool) => !tool.isThere());
  const howTo = missing.map((tool) => tool.howTo).join(' && ');
  describeUnless(missing.length > 0 ? `Run: ${howTo}` : undefined, name, suite);
}

/** What the script of a lab says that a test has to know (`NAME=value`); undefined before its setup. */
export function labVariables(program: string): Record<string, string> | undefined {
  const { status, stdout } = spawnSync(program, ['env'], { encoding: 'utf8' });
  if (status !== 0) return undefined;
  const lines = stdout.trim().split('\n');
  return Object.fromEntries(lines.map((line) => line.split(/=(.*)/, 2) as [string, string]));
}

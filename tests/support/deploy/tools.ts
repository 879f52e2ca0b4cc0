import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { describe, test } from '@jest/globals';

/** A program the deploy tests run, and how to get it. */
interface Tool {
  /** Whether it is there. */
  readonly isThere: () => boolean;
  /** The line for whoever lacks it. */
  readonly howTo: string;
  /** Where the build installs it; then, with CI=true, its absence is a failure. Default true. */
  readonly inCi?: boolean;
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
  openssl: { isThere: runs('openssl', 'version'), howTo: apt('openssl') },
} as const satisfies Record<string, Tool>;

/**
 * `describe` for suites that need programs. Where one is missing the suite is skipped with a line that says how to get
 * it; with CI=true that is a failure, because a skipped test proves nothing.
 */
export function describeWith(tools: readonly (keyof typeof TOOLS)[], name: string, suite: () => void): void {
  const missing = tools.map((tool): Tool => TOOLS[tool]).filter((tool) => !tool.isThere());
  if (missing.length === 0) {
    describe(name, suite);
    return;
  }
  const line = `${name}: not tested. Run: ${missing.map(({ howTo }) => howTo).join(' && ')}`;
  if (process.env.CI === 'true' && missing.some(({ inCi = true }) => inCi)) {
    test(`${name} has what it needs`, () => {
      throw new Error(line);
    });
  } else {
    process.stderr.write(`skipped: ${line}\n`);
    describe.skip(name, suite);
  }
}

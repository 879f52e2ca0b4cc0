import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** What names a part. A word of its own software is none in src/platform, which works with it whether or not deploy/ has it. */
const WORDS: Readonly<Record<string, RegExp>> = {
  companies: /features\/companies|tests\/features\/companies|csv-stringify|data\/companies|openCompanies/,
  jobs: /features\/jobs\.test|count-companies/,
  home: /features\/home|public\/(?:app\.js|home\.css)|demoForms|start-page/,
  account: /features\/account|hash-password|createUsers/,
  todos: /features\/todos|`todos`/,
  docker: /\bdocker (?:build|compose|run)|deploy\/docker\b|Dockerfile|(?<!devcontainer\/)docker-compose/,
  swarm: /\bdocker (?:stack|service|node|swarm)\b|deploy\/swarm|SWARM_LAB/,
  kubernetes: /kubectl|kustomiz|(?<!support\/)deploy\/kubernetes/i,
  prometheus: /promtool|deploy\/prometheus/,
  nginx: /nginx -s|\/etc\/nginx|deploy\/nginx/,
  haproxy: /\/etc\/haproxy|deploy\/haproxy/,
  varnish: /varnishreload|\/etc\/varnish|deploy\/varnish/,
  redis: /\/etc\/redis|deploy\/redis/,
  pm2: /\bpm2 (?:start|reload|deploy)|ecosystem\.config|(?<!support\/)deploy\/pm2|-pm2\.(?:conf|service)/,
  forever: /\bforever (?:start|stop)|deploy\/forever|\bForever (?:already|is)\b/,
  'strongloop-pm': /strongloop-pm|StrongLoop PM/,
  systemd: /deploy\/systemd|daemon-reload|\.service\b(?=`)/,
  ansible: /ansible-playbook|deploy\/ansible|ansible-core/,
  upstart: /deploy\/upstart|\binitctl\b/,
  bench: /npm run bench|tests\/scripts\/bench|docs\/performance|\bbench\//,
  'browser-tests': /test:browser|tests\/browser|playwright|axe-core|\bchromium\b/i,
  soak: /test:soak|tests\/soak/,
  'readme-zh-tw': /README\.zh-TW|繁體中文/,
};

/** They name parts on purpose: what init itself is, what it records, and what checks whichever targets are there. */
const ON_PURPOSE =
  /^(?:CHANGELOG\.md|\.starter\.json|package-lock\.json|scripts\/(?:starter\/|init\.mjs)|tests\/project\/(?:timeout-budget|docs|contributing|line-ends|placeholders)\.test\.ts|tests\/deploy\/release\.test\.ts|tests\/support\/deploy\/(?:tools|hosts)\.ts|\.gitattributes|\.prettierignore|tests\/scripts\/|\.devcontainer\/)/;

const WITH_TEXT =
  /\.(?:md|ts|mts|mjs|js|json|ya?ml|sh|conf|cfg|vcl|service|socket|toml|j2)$|(?:^|\/)[A-Z]\w+$|^\.[\w./-]+$/;

/** Lines of a rendered tree that name a removed part, as `file:line: text`. */
export function linesThatName(parts: readonly string[], folder: string, files: readonly string[]): string[] {
  const words = parts.map((part) => WORDS[part] ?? new RegExp(`\\b${part}\\b`));
  return files
    .filter((file) => WITH_TEXT.test(file) && !ON_PURPOSE.test(file))
    .flatMap((file) =>
      readFileSync(join(folder, file), 'utf8')
        .split('\n')
        .flatMap((line, index) =>
          words.some((word) => word.test(line)) ? [`${file}:${index + 1}: ${line.trim()}`] : [],
        ),
    );
}

/** Files that nothing uses, and packages that nothing needs or that are not listed, as Knip reports them; empty for none. */
export async function unused(folder: string): Promise<string> {
  const root = fileURLToPath(new URL('../..', import.meta.url));
  const args = [
    join(root, 'node_modules/knip/bin/knip.js'),
    '--config',
    join(root, 'tests/template/knip.json'),
    '--include',
    'files,dependencies,unlisted',
    '--no-progress',
    '--no-config-hints',
  ];
  return promisify(execFile)(process.execPath, args, { cwd: folder }).then(
    () => '',
    (error: unknown) => {
      const { stdout, stderr } = error as { stdout: string; stderr: string };
      return stdout + stderr;
    },
  );
}

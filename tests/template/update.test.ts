import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { TemplateCopy } from '../support/template-copy.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const run = promisify(execFile);

/** git, with an identity of the tests. */
async function git(folder: string, ...args: string[]): Promise<string> {
  const identity = [
    '-c',
    'user.name=tester',
    '-c',
    'user.email=tester@localhost',
    '-c',
    'commit.gpgsign=false',
  ];
  const { stdout } = await run('git', ['-C', folder, ...identity, ...args]);
  return stdout.trim();
}

async function edit(folder: string, file: string, change: (text: string) => string): Promise<void> {
  const text = await readFile(join(folder, file), 'utf8').catch(() => '');
  const changed = change(text);
  expect(changed).not.toBe(text);
  await mkdir(dirname(join(folder, file)), { recursive: true });
  await writeFile(join(folder, file), changed);
}

async function commit(folder: string, subject: string): Promise<void> {
  await git(folder, 'add', '--all');
  await git(folder, 'commit', '--quiet', '-m', subject);
}

interface Result {
  readonly code: number;
  readonly output: string;
}

async function runScript(folder: string, script: string, ...args: string[]): Promise<Result> {
  return run(process.execPath, [script, ...args], { cwd: folder }).then(
    ({ stdout, stderr }) => ({ code: 0, output: stdout + stderr }),
    (error: unknown) => {
      const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
      return { code, output: stdout + stderr };
    },
  );
}

/** What twenty commits upstream may do to the template's files. */
async function goOnUpstream(template: string): Promise<void> {
  const pipelining = 'src/platform/http/pipelining.ts';
  for (let step = 1; step <= 12; step++) {
    await edit(template, pipelining, (text) =>
      text.replace(/const MAX_WAITING = \d+;/, `const MAX_WAITING = ${100 + step};`),
    );
    await commit(template, `fix: wait for ${step} more`);
  }
  await edit(template, 'src/app.ts', (text) =>
    text.replace("app.set('etag', false);", "app.set('etag', false);\n  app.enable('strict routing');"),
  );
  await commit(template, 'feat: route strictly');
  await edit(template, 'docs/tune.md', (text) => `${text}\nOne more line.\n`);
  await commit(template, 'docs: add a line');
  await edit(template, 'deploy/systemd/README.md', (text) => `${text}\nA line about \`/srv/app\`.\n`);
  await commit(template, 'docs: name the folder');
  await edit(template, 'src/platform/http/fresh.ts', () => 'export const fresh = true;\n');
  await commit(template, 'feat: add a file');
  await edit(template, 'src/features/companies/csv.ts', (text) => `${text}\nexport const more = true;\n`);
  await commit(template, 'feat(companies): add more');
  await edit(template, 'package.json', (text) => text.replace(/"helmet": "[^"]*"/, '"helmet": "^8.99.0"'));
  await commit(template, 'build: update helmet');
  await edit(template, 'CHANGELOG.md', (text) => `${text}\n- A line that tells what is new.\n`);
  await commit(template, 'docs: tell what is new');
  await edit(template, 'src/platform/lifecycle/README.md', (text) => `${text}\nUpstream wrote this.\n`);
  await commit(template, 'docs: write more');
}

/** A clone that was made one's own: other names, parts removed, files changed. */
async function makeOwn(folder: string): Promise<void> {
  await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  await writeFile(join(folder, '.git', 'info', 'exclude'), 'node_modules\n');
  const init = await runScript(
    folder,
    'scripts/init.mjs',
    'acme-shop',
    '--domain',
    'acme.example',
    '--without',
    'companies,home,jobs',
    '--yes',
  );
  expect(init).toMatchObject({ code: 0 });
  await edit(folder, 'src/app.ts', (text) => `// The shop's own pipeline.\n${text}`);
  await edit(folder, 'src/config.ts', (text) => `${text}\n// A setting of the shop.\n`);
  await edit(folder, 'src/platform/cache/lock.ts', (text) => `${text}\n// Changed in the shop.\n`);
  await edit(folder, 'src/features/orders/index.ts', () => 'export const orders = 1;\n');
  await edit(folder, 'package.json', (text) =>
    text.replace('"dependencies": {', '"dependencies": {\n    "a-package-of-ours": "^1.0.0",'),
  );
  await git(folder, 'rm', '--quiet', 'docs/tune.md');
  await commit(folder, 'feat: the shop');
}

describe.each([
  ['shares the history of the template', true],
  ['has the files of the template alone ("Use this template")', false],
])('update of a clone that %s', (_what, shares) => {
  let folder: string;
  let upstream: TemplateCopy;
  let template: string;
  let clone: string;
  let before: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'update-test-'));
    clone = join(folder, 'clone');
    upstream = await TemplateCopy.create();
    template = upstream.path;
    await git(folder, 'clone', '--quiet', template, clone);
    if (!shares) {
      await rm(join(clone, '.git'), { recursive: true });
      await git(clone, 'init', '--quiet');
      await commit(clone, 'Initial commit');
    }
    await makeOwn(clone);
    before = await git(clone, 'rev-parse', 'HEAD');
    await goOnUpstream(template);
  }, 240_000);
  afterAll(async () => {
    await rm(folder, { recursive: true, force: true });
    await upstream.remove();
  });
  beforeEach(() => git(clone, 'reset', '--quiet', '--hard', before));

  const update = (...args: string[]) =>
    runScript(clone, 'scripts/update.mjs', '--from', template, '--no-install', ...args);
  const text = (file: string) => readFile(join(clone, file), 'utf8');

  test('tells how far behind the clone is, and changes nothing', async () => {
    const { code, output } = await update('--check');
    expect(code).toBe(1);
    expect(output).toMatch(/20 commits behind[^]*feat: route strictly/);
    expect(await git(clone, 'status', '--porcelain')).toBe('');
  });

  test('brings what is new under the names of the clone, and leaves what the clone changed', async () => {
    const { code, output } = await update();
    expect(output).not.toMatch(/in conflict/);
    expect(code).toBe(0);
    expect(output).toMatch(/left out, because you deleted them:\n {2}docs\/tune.md/);
    expect(output).toMatch(/A line that tells what is new/);
    expect(await text('src/app.ts')).toMatch(/^\/\/ The shop's own pipeline.[^]*strict routing/);
    expect(await text('src/platform/http/pipelining.ts')).toContain('MAX_WAITING = 112;');
    expect(await text('src/platform/http/fresh.ts')).toContain('fresh');
    expect(await text('src/platform/cache/lock.ts')).toContain('Changed in the shop');
    expect(await text('deploy/systemd/README.md')).toContain('A line about `/srv/acme-shop`.');
    const { name, dependencies } = JSON.parse(await text('package.json')) as {
      name: string;
      dependencies: Record<string, string>;
    };
    expect(name).toBe('acme-shop');
    expect(dependencies).toMatchObject({ 'a-package-of-ours': '^1.0.0', helmet: '^8.99.0' });
    expect(dependencies).not.toHaveProperty('csv-stringify');
    const changed = (await git(clone, 'diff', '--cached', '--name-only')).split('\n');
    expect(changed.sort()).toEqual([
      '.starter.json',
      'deploy/systemd/README.md',
      'package.json',
      'src/app.ts',
      'src/platform/http/fresh.ts',
      'src/platform/http/pipelining.ts',
      'src/platform/lifecycle/README.md',
    ]);
    await commit(clone, 'build: update the template');
    expect(await runScript(clone, 'scripts/update.mjs')).toMatchObject({
      code: 0,
      output: expect.stringContaining('up to date') as unknown,
    });
  });

  test('conflicts in the file alone that both changed in one place, and says so before', async () => {
    await edit(clone, 'src/platform/http/pipelining.ts', (own) =>
      own.replace(/MAX_WAITING = \d+/, 'MAX_WAITING = 7'),
    );
    await commit(clone, 'fix: wait for less');
    const conflict = /in conflict[^]*:\n {2}src\/platform\/http\/pipelining.ts\n(?! {2})/;
    const tried = await update('--dry-run');
    expect(tried).toMatchObject({ code: 1, output: expect.stringMatching(conflict) as unknown });
    expect(await git(clone, 'status', '--porcelain')).toBe('');
    expect(await git(clone, 'worktree', 'list')).not.toContain('\n');
    const { code, output } = await update();
    expect(code).toBe(1);
    expect(output).toMatch(conflict);
    expect(await text('src/platform/http/pipelining.ts')).toMatch(/<<<<<<<[^]*= 7;[^]*= 112;[^]*>>>>>>>/);
  });

  test('says what to do where npm install fails', async () => {
    const bin = join(folder, 'bin');
    await mkdir(bin, { recursive: true });
    await writeFile(join(bin, 'npm'), '#!/bin/sh\nexit 7\n', { mode: 0o755 });
    const path = process.env.PATH ?? '';
    process.env.PATH = `${bin}:${path}`;
    const result = await runScript(clone, 'scripts/update.mjs', '--from', template).finally(() => {
      process.env.PATH = path;
    });
    expect([result.code, result.output]).toEqual([
      1,
      expect.stringMatching(/npm install failed[^]*^Next: npm install, npm run check/m),
    ]);
    expect(JSON.parse(await text('package.json'))).toMatchObject({ dependencies: { helmet: '^8.99.0' } });
  });

  test('comes from a tarball as well', async () => {
    const tarball = join(folder, 'template.tgz');
    await git(template, 'archive', '--prefix=template/', '-o', tarball, 'HEAD');
    const { code, output } = await runScript(clone, 'scripts/update.mjs', '--from', tarball, '--no-install');
    expect(output).toMatch(/5 files changed/);
    expect(code).toBe(0);
    expect(await text('src/platform/http/pipelining.ts')).toContain('MAX_WAITING = 112;');
  });

  test.each([
    ['changes that are not committed', [], 'commit or stash them', 'src/app.ts'],
    ['a place without a template', ['--from', '/nowhere'], 'cannot be read from /nowhere', undefined],
    ['a version that is not there', ['--to', 'v99'], 'the template has no "v99"', undefined],
    ['a base that is not there', ['--base', 'v99'], 'the template has no "v99"', undefined],
    ['a file that is no tarball', ['--from', 'package.tgz'], 'there is no file package.tgz', undefined],
    ['an unknown option', ['--form', 'x'], "Unknown option '--form'", undefined],
  ])('refuses %s, and changes nothing', async (_what, args, message, changed) => {
    if (changed) await edit(clone, changed, (own) => `${own}\n`);
    const status = await git(clone, 'status', '--porcelain');
    expect(await update(...args)).toMatchObject({
      code: 2,
      output: expect.stringContaining(message) as unknown,
    });
    expect(await git(clone, 'status', '--porcelain')).toBe(status);
  });
});

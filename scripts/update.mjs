// `npm run update`: brings a newer template into this clone. Renders the template as it was and as it is with this clone's answers
// (.starter.json) and merges the difference three-way. Nothing is committed: git shows what came, and undoes it.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { mergePackageJson, readJson, writeJson } from './starter/package-json.mjs';
import { git, Refusal, run } from './starter/run.mjs';
import { openTemplate } from './starter/template.mjs';

const USAGE = `Brings a newer template into this clone, and leaves what you changed.

  npm run update                     to the newest
  npm run update -- --check          how far behind this clone is: exit code 1 if it is
  npm run update -- --dry-run        which files it would change, and which conflict

  --from URL|FOLDER|TARBALL   where the template is; default: where the last update came from
  --to REF                    a tag, branch or commit of it; default: its newest commit
  --base REF|TARBALL          what this clone was made from, where that can't be found
  --no-install                leave npm install to you

Exit codes: 0 done, 1 behind (--check), with conflicts or without the packages, 2 wrong usage or nothing could be done.
`;

const OPTIONS = {
  from: { type: 'string' },
  to: { type: 'string' },
  base: { type: 'string' },
  check: { type: 'boolean', default: false },
  'dry-run': { type: 'boolean', default: false },
  'no-install': { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
};

/** Yours, or merged by what they mean. */
const NOT_MERGED = ['package.json', 'package-lock.json', 'CHANGELOG.md', '.starter.json'];

const RECORD = '.starter.json';

async function main() {
  const options = read(process.argv.slice(2));
  if (options.help) {
    console.log(USAGE);
    return 0;
  }
  process.chdir(fileURLToPath(new URL('..', import.meta.url)));
  const answers = readAnswers();
  assertClean(options);
  const temporary = mkdtempSync(join(tmpdir(), 'update-'));
  try {
    const template = openTemplate({ ...options, recorded: answers.template, folder: temporary });
    return options.check ? check(template) : await update(template, answers, { ...options, temporary });
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

function read(args) {
  try {
    return parseArgs({ args, options: OPTIONS }).values;
  } catch (error) {
    throw new Refusal(`${error.message}\n\n${USAGE}`);
  }
}

function readAnswers() {
  const answers = readJson(RECORD);
  if (answers) return answers;
  throw new Refusal(
    `${RECORD} is missing: it says which name and parts this clone has. Run npm run init first`,
  );
}

function assertClean({ check, 'dry-run': dryRun }) {
  if (git('status', '--porcelain') === '' || check || dryRun) return;
  throw new Refusal(
    'there are changes that are not committed; commit or stash them, so that git can undo the update alone',
  );
}

function check({ news }) {
  if (news.length === 0) {
    console.log('This clone is up to date.');
    return 0;
  }
  console.log(
    `This clone is ${news.length} commits behind:\n${news.map((subject) => `  ${subject}`).join('\n')}`,
  );
  return 1;
}

async function update(template, answers, options) {
  if (template.news.length === 0) {
    console.log('This clone is up to date.');
    return 0;
  }
  console.log(`rendering the template as it was, and as it is (${template.news.length} changes)`);
  const { old, fresh, change } = await renderBoth(template, answers, options.temporary);
  if (options['dry-run']) return tryIt(change, options.temporary);
  const { changed, conflicts, leftOut } = merge('.', change);
  const { kept, hasChanged } = updatePackageJson(old, fresh);
  writeJson(RECORD, { ...answers, template: template.record });
  git('add', RECORD, 'package.json');
  const needsInstall = hasChanged && !options['no-install'];
  const hasFailed = needsInstall && run('npm', ['install'], { stdio: 'inherit' }).status !== 0;
  console.log(report({ changed, conflicts, leftOut, kept, hasFailed }));
  console.log(`\nWhat is new (CHANGELOG.md of the template):\n${template.changes}`);
  return conflicts.length > 0 || hasFailed ? 1 : 0;
}

/** @returns the rendered trees, and the commit whose change from its parent is what is new. */
async function renderBoth({ checkOut, commitTree, commits, publish }, answers, temporary) {
  const [old, fresh] = ['old', 'new'].map((name) => join(temporary, name));
  for (const folder of [old, fresh]) mkdirSync(folder);
  checkOut(commits.old, old);
  checkOut(commits.fresh, fresh);
  // The newer one knows the parts of the older one as well.
  const { render } = await import(join(fresh, 'scripts/starter/render.mjs'));
  const prettier = await import('prettier').catch(() => undefined);
  for (const folder of [old, fresh]) await render(folder, answers, { prettier });
  const base = commitTree(old, { without: NOT_MERGED });
  return { old, fresh, change: publish(commitTree(fresh, { parent: base, without: NOT_MERGED })) };
}

/** Applies a commit's change to a worktree, three-way. What was deleted here stays deleted. */
function merge(folder, { repository, branch }) {
  const here = (...args) => git('-C', folder, ...args);
  here('fetch', '--quiet', '--no-tags', repository, branch);
  const result = run('git', [
    '-C',
    folder,
    '-c',
    'merge.directoryRenames=false',
    'cherry-pick',
    '--no-commit',
    'FETCH_HEAD',
  ]);
  const lines = here('status', '--porcelain').split('\n').filter(Boolean);
  const withStatus = (pattern) =>
    lines.filter((line) => pattern.test(line.slice(0, 2))).map((line) => line.slice(3));
  const leftOut = withStatus(/^DU/);
  if (leftOut.length > 0) here('rm', '--quiet', '--', ...leftOut);
  const conflicts = withStatus(/^(?:UU|AA|UD|AU|UA)/);
  if (result.status !== 0 && conflicts.length + leftOut.length === 0) {
    throw new Refusal(`git could not merge the change: ${result.stderr.trim()}`);
  }
  return { changed: withStatus(/^[AMDR] /), conflicts, leftOut };
}

/** The same in a worktree that is thrown away. */
function tryIt(change, temporary) {
  const folder = join(temporary, 'try');
  git('worktree', 'add', '--quiet', '--detach', folder, 'HEAD');
  try {
    const { changed, conflicts, leftOut } = merge(folder, change);
    console.log(report({ changed, conflicts, leftOut, kept: [] }));
    console.log('Nothing was changed (--dry-run).');
    return conflicts.length > 0 ? 1 : 0;
  } finally {
    git('worktree', 'remove', '--force', folder);
  }
}

function updatePackageJson(old, fresh) {
  const [before, after, ours] = [join(old, 'package.json'), join(fresh, 'package.json'), 'package.json'].map(
    readJson,
  );
  const { merged, kept } = mergePackageJson(before, after, ours);
  const hasChanged = JSON.stringify(merged) !== JSON.stringify(ours);
  if (hasChanged) writeJson('package.json', merged);
  return { kept, hasChanged };
}

function report({ changed, conflicts, leftOut, kept, hasFailed = false }) {
  const list = (title, items) =>
    items.length > 0 ? [`${title}\n${items.map((item) => `  ${item}`).join('\n')}`] : [];
  return [
    `${changed.length} files changed`,
    ...list('in conflict, because you changed the same lines (look for <<<<<<<, then git add):', conflicts),
    ...list('left out, because you deleted them:', leftOut),
    ...list('kept as you have them in package.json, though the template changed them:', kept),
    ...(hasFailed ? ['npm install failed, as it printed above: the packages are still the old ones'] : []),
    `Next: ${conflicts.length > 0 ? 'resolve the conflicts, ' : ''}${hasFailed ? 'npm install, ' : ''}npm run check, then commit. Undo with git reset --hard`,
  ].join('\n');
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof Refusal)) throw error;
  console.error(`update: ${error.message}`);
  process.exitCode = 2;
}

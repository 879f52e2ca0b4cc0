// Where a template's versions come from: a git repository, or a tarball.
import { randomUUID } from 'node:crypto';
import { existsSync, mkdtempSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { git, gitWith, Refusal, run } from './run.mjs';

const TARBALL = /\.(?:tgz|tar\.gz|tar)$/;

/** For the commits of an update, which nobody keeps. */
const IDENTITY = {
  GIT_AUTHOR_NAME: 'update',
  GIT_AUTHOR_EMAIL: 'update@localhost',
  GIT_COMMITTER_NAME: 'update',
  GIT_COMMITTER_EMAIL: 'update@localhost',
};

/**
 * Copies the template's history into a folder and finds its two versions.
 *
 * @param recorded - `template` of `.starter.json`: the commit of this clone that `init` ran on, or the template's commit of the
 *   last update, and where that came from.
 * @throws {Refusal}
 */
export function openTemplate({ from, to, base, recorded = {}, folder }) {
  const source = from ?? recorded.from;
  if (source === undefined) {
    throw new Refusal('say where the template is, once: npm run update -- --from URL|FOLDER|TARBALL');
  }
  const repository = join(folder, 'template');
  const here = (...args) => git('-C', repository, ...args);
  const commits = TARBALL.test(source)
    ? fromTarballs(repository, folder, { source, base, recorded })
    : fromHistory(repository, { source, to, base, recorded });
  const isSame = here('rev-parse', `${commits.old}^{tree}`) === here('rev-parse', `${commits.fresh}^{tree}`);
  const changes = here('diff', '--unified=0', commits.old, commits.fresh, '--', 'CHANGELOG.md');
  return {
    commits,
    news: isSame ? [] : newsOf(here, commits),
    changes: addedLines(changes) || '  (nothing)',
    record: { ...recorded, from: source, commit: TARBALL.test(source) ? null : commits.fresh },
    checkOut: (commit, into) => checkOut(repository, commit, into),
    commitTree: (tree, options) => commitTree(repository, tree, options),
    publish: (commit) => {
      here('update-ref', 'refs/heads/starter-update', commit);
      return { repository, branch: 'starter-update' };
    },
  };
}

function fromHistory(repository, { source, to, base, recorded }) {
  const place = existsSync(source) ? resolve(source) : source;
  const cloned = run('git', ['clone', '--quiet', '--no-checkout', place, repository], {
    env: { ...process.env, GIT_TERMINAL_PROMPT: '0' },
  });
  if (cloned.status !== 0)
    throw new Refusal(`the template cannot be read from ${source}: ${cloned.stderr.trim()}`);
  const fresh = commitOf(repository, to ?? 'HEAD');
  if (!fresh) throw new Refusal(`the template has no "${to}": give a tag, a branch or a commit of it`);
  const old = base === undefined ? recordedIn(repository, recorded.commit) : commitOf(repository, base);
  if (!old) {
    throw new Refusal(
      base === undefined
        ? 'the version that this clone was made from is not in the history of the template: name it with --base REF'
        : `the template has no "${base}": --base takes a tag, a branch or a commit of it`,
    );
  }
  return { old, fresh };
}

function commitOf(repository, ref) {
  for (const name of [`refs/remotes/origin/${ref}`, ref]) {
    const { status, stdout } = run('git', [
      '-C',
      repository,
      'rev-parse',
      '--quiet',
      '--verify',
      `${name}^{commit}`,
    ]);
    if (status === 0) return stdout.trim();
  }
  return undefined;
}

/**
 * The commit itself, where the clone shares the template's history. Else the clone's own commit of that name has the tree
 * of one of the template's, because "Use this template" copies the files alone.
 */
function recordedIn(repository, commit) {
  if (!commit) return undefined;
  const shared = commitOf(repository, commit);
  if (shared) return shared;
  const { status, stdout } = run('git', ['rev-parse', '--quiet', '--verify', `${commit}^{tree}`]);
  if (status !== 0) return undefined;
  const all = git('-C', repository, 'log', '--all', '--format=%T %H').split('\n');
  return all.find((line) => line.startsWith(stdout.trim()))?.split(' ')[1];
}

/** The old version is a tarball, too, or this clone's own commit that `init` ran on. */
function fromTarballs(repository, folder, { source, base, recorded }) {
  git('init', '--quiet', repository);
  const fresh = commitTree(repository, unpack(source, folder));
  if (base !== undefined) return { old: commitTree(repository, unpack(base, folder)), fresh };
  // A commit of the template's, from an update by git, is no commit of this clone.
  if (!recorded.commit || run('git', ['cat-file', '-e', `${recorded.commit}^{tree}`]).status !== 0) {
    throw new Refusal('name the tarball that this clone was made from, or last updated to: --base TARBALL');
  }
  const into = mkdtempSync(join(folder, 'own-'));
  checkOut('.', recorded.commit, into);
  return { old: commitTree(repository, into), fresh };
}

/** @returns the folder of its contents: a tarball has them in a folder of its own. */
function unpack(tarball, folder) {
  if (!existsSync(tarball) || !statSync(tarball).isFile()) throw new Refusal(`there is no file ${tarball}`);
  const into = mkdtempSync(join(folder, 'tarball-'));
  const { status, stderr } = run('tar', ['-xf', tarball, '-C', into, '--strip-components=1']);
  if (status !== 0 || !existsSync(join(into, 'package.json'))) {
    throw new Refusal(
      `${tarball} is no tarball of the template: ${stderr.trim() || 'it has no package.json'}`,
    );
  }
  return into;
}

function checkOut(repository, commit, into) {
  inTree(repository, into)('checkout', '--quiet', commit, '--', '.');
}

/** A commit of all that a folder has. */
function commitTree(repository, tree, { parent, without = [] } = {}) {
  const here = inTree(repository, tree);
  here('add', '--all', '--force', '.');
  if (without.length > 0) here('rm', '--quiet', '--cached', '--ignore-unmatch', '--', ...without);
  return here('commit-tree', here('write-tree'), '-m', 'template', ...(parent ? ['-p', parent] : []));
}

/** git with a repository's objects and another folder's files. */
function inTree(repository, tree) {
  const env = {
    ...IDENTITY,
    GIT_DIR: git('-C', repository, 'rev-parse', '--absolute-git-dir'),
    GIT_WORK_TREE: tree,
    // One of its own: an index knows which files another repository has already.
    GIT_INDEX_FILE: `${tree}.${randomUUID()}.index`,
  };
  return (...args) => gitWith(env, '-C', tree, ...args);
}

/** The subjects of the commits between; one for two versions without history. */
function newsOf(here, { old, fresh }) {
  const subjects = here('log', '--format=%s', `${old}..${fresh}`).split('\n').filter(Boolean);
  return subjects.length > 0 ? subjects : ['a newer version'];
}

function addedLines(diff) {
  return diff
    .split('\n')
    .filter((line) => line.startsWith('+') && !line.startsWith('+++'))
    .map((line) => `  ${line.slice(1)}`)
    .join('\n');
}

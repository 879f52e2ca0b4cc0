// Makes a clone's tree from the template's: without what the clone removed, under its names. It asks nothing, installs nothing
// and does not look at git. The same tree and answers give the same result, and a second time changes nothing.
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { applyEdit } from './edits.mjs';
import { filesIn, matching, readText, removeFile } from './files.mjs';
import { GUIDE, guide } from './guide.mjs';
import { withoutDeadLinks } from './links.mjs';
import { PARTS, TEMPLATE_ONLY } from './manifest.mjs';
import { rename, renamePath } from './names.mjs';
import { lockFor, withoutEntries } from './package-json.mjs';

/**
 * Renders a tree in place. What the manifest lists and the tree does not have is skipped, so it may be of an older template.
 *
 * @param folder - the tree: a checkout, or an unpacked template.
 * @param answers - what `.starter.json` records: `name`, `domain`, and `without`, the names of removed parts.
 * @param prettier - the package; by default the project's own, if it is installed.
 * @param done - the answers that the tree was rendered with before. Only what is removed since then is: what else the tree has
 *   by now is its owner's, though it may look like the template's.
 * @returns the files that were deleted, moved and changed.
 */
export async function render(folder, answers, { prettier, done } = {}) {
  const removed = PARTS.filter(({ name }) => answers.without?.includes(name));
  const all = [TEMPLATE_ONLY, ...removed];
  const fresh = done ? removed.filter(({ name }) => !done.without?.includes(name)) : all;
  const deleted = deleteFiles(folder, fresh, answers);
  const moved = done ? [] : moveFiles(folder, answers);
  const texts = changedTexts(folder, { all, fresh }, answers, done !== undefined);
  const changed = await formatted(folder, texts, prettier);
  for (const [file, text] of changed) writeFileSync(join(folder, file), text);
  if (changed.has('package.json')) writeLock(folder);
  return { deleted, moved, changed: [...changed.keys()] };
}

/** Files that these parts consist of. */
export function filesOf(folder, parts, answers = {}) {
  const files = filesIn(folder);
  const patterns = parts.flatMap((part) => part.delete ?? []);
  const all = patterns.flatMap((one) => [one, renamePath(one, answers)]);
  return [...new Set(all.flatMap((pattern) => matching(files, pattern)))];
}

function deleteFiles(folder, parts, answers) {
  const files = filesOf(folder, parts, answers);
  for (const file of files) removeFile(folder, file);
  return files;
}

function moveFiles(folder, answers) {
  const moves = filesIn(folder).map((file) => ({ from: file, to: renamePath(file, answers) }));
  const needed = moves.filter(({ from, to }) => from !== to && !existsSync(join(folder, to)));
  for (const { from, to } of needed) {
    mkdirSync(dirname(join(folder, to)), { recursive: true });
    renameSync(join(folder, from), join(folder, to));
  }
  return needed;
}

/** The edits of the parts, the names, the guide and the packages. @returns the new texts of the files that differ. */
function changedTexts(folder, { all, fresh }, answers, isRenamed) {
  const changed = new Map();
  const edits = editsOf(all, fresh, answers.without);
  const isGone = goneWith(all, answers);
  for (const file of filesIn(folder)) {
    const text = readText(join(folder, file));
    if (text === undefined || file === 'package-lock.json') continue;
    const own = edits.filter((edit) => renamePath(edit.file, answers) === file);
    const renamed = (part) => rename(part, file, answers);
    let result = own.reduce((sofar, edit) => applyEdit(sofar, edit, renamed), text);
    if (file === 'package.json') result = packageJson(result, fresh);
    if (file === GUIDE) result = guide(answers);
    if (!isRenamed) result = renamed(result);
    if (file.endsWith('.md')) result = withoutDeadLinks(result, file, isGone);
    if (result !== text) changed.set(file, result);
  }
  return changed;
}

/** The edits of these parts, and those of others that wait for one of them. */
function editsOf(all, fresh, without) {
  const isDue = (part, when = []) =>
    when.every((name) => without.includes(name)) &&
    fresh.some((one) => one === part || when.includes(one.name));
  return all.flatMap((part) => (part.edits ?? []).filter(({ when }) => isDue(part, when)));
}

/** Whether a file or folder belongs to a removed part. */
function goneWith(parts, answers) {
  const patterns = parts.flatMap((part) => part.delete ?? []);
  const all = patterns.flatMap((one) => [one, renamePath(one, answers)]);
  return (path) => all.some((one) => matching([path, `${path}/`], one).length > 0);
}

function packageJson(text, parts) {
  const description = parts.reduce((sofar, part) => withoutEntries(sofar, part), JSON.parse(text));
  return `${JSON.stringify(description, undefined, 2)}\n`;
}

function writeLock(folder) {
  const file = join(folder, 'package-lock.json');
  if (!existsSync(file)) return;
  const description = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const lock = lockFor(JSON.parse(readFileSync(file, 'utf8')), description);
  writeFileSync(file, `${JSON.stringify(lock, undefined, 2)}\n`);
}

/** The texts as Prettier has them, because a name of another length moves line ends and columns; only those that still differ. */
async function formatted(folder, texts, given) {
  const prettier = given ?? (await import('prettier').catch(() => undefined));
  if (prettier === undefined) return texts;
  const style = JSON.parse(readText(join(folder, '.prettierrc.json')) ?? '{}');
  const ignorePath = join(folder, '.prettierignore');
  const result = new Map();
  for (const [file, text] of texts) {
    const { ignored, inferredParser } = await prettier.getFileInfo(join(folder, file), { ignorePath });
    const isKnown = !ignored && inferredParser !== null;
    const final = isKnown ? await prettier.format(text, { ...style, filepath: file }) : text;
    if (final !== readText(join(folder, file))) result.set(file, final);
  }
  return result;
}

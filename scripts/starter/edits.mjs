// The changes to a text that the manifest lists. Each leaves a text alone in which it finds nothing: so they can be made again,
// and in an older version of the file.

/** Indentation and the width of a table's columns do not count. */
const plain = (line) => line.trim().replaceAll(/\s+/g, ' ');

/**
 * Makes one change. Lines are compared as `same` has them, so that they are found under the name of a clone, too.
 *
 * - `lines`: removes these lines, wherever they are.
 * - `from`, `to`: removes a block, from the first line like `from` to the next like `to` with the same indentation, both
 *   included, and the empty line behind it. Without `to`, it ends in front of the next empty line.
 * - `rows`: removes a table's rows with this text in their first column.
 * - `replace`: puts the second text in place of the first.
 * - `when`: only where these parts are removed, too (render.mjs).
 * - `where`: only where the text has this, after the edits in front of it.
 *
 * @param rename - what the clone calls what the manifest names.
 */
export function applyEdit(text, edit, rename = (value) => value) {
  if (edit.where !== undefined && !text.includes(edit.where)) return text;
  if (edit.replace) return replaced(text, edit.replace, rename);
  const lines = text.split('\n');
  if (edit.rows) return lines.filter((line) => !isRow(line, edit.rows, rename)).join('\n');
  if (edit.from !== undefined) return withoutBlock(lines, edit, rename).join('\n');
  const gone = new Set(edit.lines.flatMap((line) => [plain(line), plain(rename(line))]));
  return lines.filter((line) => !gone.has(plain(line))).join('\n');
}

function replaced(text, [from, to], rename) {
  for (const [old, other] of [
    [from, to],
    [rename(from), rename(to)],
  ]) {
    if (text.includes(old) && !(other.includes(old) && text.includes(other))) {
      return text.replaceAll(old, () => other);
    }
  }
  return text;
}

function isRow(line, cells, rename) {
  if (!line.startsWith('|')) return false;
  const first = plain(line.split('|')[1]);
  return cells.some((cell) => cell === first || rename(cell) === first);
}

function withoutBlock(lines, { from, to }, rename) {
  const isLike = (line, text) => plain(line) === plain(text) || plain(line) === plain(rename(text));
  const indentation = (line) => line.length - line.trimStart().length;
  const start = lines.findIndex((line) => isLike(line, from));
  if (start < 0) return lines;
  const isEnd = (line) =>
    to === undefined ? line === '' : isLike(line, to) && indentation(line) === indentation(lines[start]);
  const length = lines.slice(start).findIndex(isEnd);
  if (length < 0) return lines;
  const end = start + length + (to === undefined ? 0 : 1);
  return [...lines.slice(0, start), ...lines.slice(lines[end] === '' && to !== undefined ? end + 1 : end)];
}

// Links of the documents to what was removed.
import { posix } from 'node:path';

const LINK = /\[([^\]]*)\]\(([^)\s]+)\)/g;

/**
 * Removes the links of a Markdown file whose target is gone: the table's row of which it is the first cell, the item of a
 * list in a line with its separator; elsewhere its text stays.
 *
 * @param isGone - whether a file or folder, by its path in the project, was removed.
 */
export function withoutDeadLinks(text, file, isGone) {
  const isDead = (target) => {
    if (/^[a-z]+:|^#/.test(target)) return false;
    return isGone(posix.join(posix.dirname(file), target.split('#')[0]).replace(/\/$/, ''));
  };
  const lines = text.split('\n').flatMap((line) => {
    const cell = /^\| *\[[^\]]*\]\(([^)\s]+)\) *\|/.exec(line);
    if (cell && isDead(cell[1])) return [];
    return [withoutItems(line, isDead)];
  });
  return lines.join('\n');
}

function withoutItems(line, isDead) {
  const separator = String.raw`(?:, | · )`;
  const link = String.raw`\[[^\]]*\]\(([^)\s]+)\)`;
  const drop = (whole, target) => (isDead(target) ? '' : whole);
  return line
    .replace(new RegExp(`${separator}${link}(?=${separator}| *[|;.:]| *$)`, 'g'), drop)
    .replace(new RegExp(`(?<=[|;:] )${link}${separator}`, 'g'), drop)
    .replace(LINK, (whole, words, target) => (isDead(target) ? words : whole));
}

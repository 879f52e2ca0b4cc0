// Links of the documents to what was removed.
import { posix } from 'node:path';

const LINK = /\[([^\]]*)\]\(([^)\s]+)\)/g;

/**
 * Removes the links of a Markdown file whose target is gone: the table's row of which it is the first cell, or all of another
 * cell; the item of a list in a line with its separator; the remark in parentheses. Elsewhere its text stays.
 *
 * @param isGone - whether a file or folder, by its path in the project, was removed.
 */
export function withoutDeadLinks(text, file, isGone) {
  const isDead = (target) => {
    if (/^[a-z]+:|^#/.test(target)) return false;
    return isGone(posix.join(posix.dirname(file), target.split('#')[0]).replace(/\/$/, ''));
  };
  const lines = text
    .split('\n')
    .flatMap((line) =>
      line.startsWith('|') && hasDeadCell(line, isDead) ? [] : [withoutItems(line, isDead)],
    );
  // A table without rows says nothing.
  return lines.join('\n').replaceAll(/^\|.*\|\n\|[ :|-]+\|\n\n/gm, '');
}

/** Whether the first cell begins with a link that is dead, or another one has dead links and nothing else. */
function hasDeadCell(line, isDead) {
  const [, first, ...others] = line.split('|');
  const areDead = (cell) => {
    const targets = [...cell.matchAll(LINK)].map(([, , target]) => target);
    return targets.length > 0 && targets.every(isDead);
  };
  return areDead(first) || others.some((cell) => areDead(cell) && /^[\s,;·]*$/.test(cell.replace(LINK, '')));
}

function withoutItems(line, isDead) {
  const separator = String.raw`(?:, | · |; )`;
  const link = String.raw`\[[^\]]*\]\(([^)\s]+)\)`;
  const drop = (whole, target) => (isDead(target) ? '' : whole);
  return line
    .replace(new RegExp(String.raw` \(${link}\)`, 'g'), drop)
    .replace(new RegExp(`${separator}${link}(?=${separator}| *[|;.:,·]| *$)`, 'g'), drop)
    .replace(new RegExp(`(?<=[|;:·] |^ *)${link}(?:${separator}|[,;]$| ·$)`, 'g'), drop)
    .replace(LINK, (whole, words, target) => (isDead(target) ? words : whole));
}

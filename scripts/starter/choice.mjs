// Which parts go: names that a person typed, and what depends on them.
import { PARTS } from './manifest.mjs';
import { Refusal } from './run.mjs';

const NAMES = PARTS.map(({ name }) => name);

/** The names of a comma-separated list. @throws {Refusal} for one that is no part. */
export function partsIn(list) {
  const names = list
    .split(',')
    .map((name) => name.trim())
    .filter(Boolean);
  const unknown = names.find((name) => !NAMES.includes(name));
  if (unknown === undefined) return names;
  throw new Refusal(
    `"${unknown}" is no part; did you mean "${nearest(unknown)}"? There are: ${NAMES.join(', ')}`,
  );
}

/**
 * The parts to remove.
 *
 * @param keep - of the targets, remove all but these.
 * @throws {Refusal} where a part stays without another that it needs.
 */
export function choose({ keep, without = [], removed = [] }) {
  const both = keep?.find((name) => without.includes(name));
  if (both !== undefined) throw new Refusal(`"${both}" can't be both kept and removed`);
  const targets = keep ? PARTS.filter(({ target }) => target).map(({ name }) => name) : [];
  const gone = new Set([...removed, ...without, ...targets.filter((name) => !keep.includes(name))]);
  for (const { name, needs = [] } of PARTS) {
    const missing = needs.filter((one) => gone.has(one));
    if (gone.has(name) || missing.length === 0) continue;
    throw new Refusal(
      `${name} needs ${missing.join(' and ')}: remove ${name} too, or keep ${missing.join(' and ')}`,
    );
  }
  return NAMES.filter((name) => gone.has(name));
}

/** The parts that can't stay without these, and so on. */
export function withDependents(names) {
  const gone = new Set(names);
  for (let before = -1; before !== gone.size;) {
    before = gone.size;
    for (const { name, needs = [] } of PARTS) if (needs.some((one) => gone.has(one))) gone.add(name);
  }
  return NAMES.filter((name) => gone.has(name));
}

function nearest(text) {
  return [...NAMES].sort((a, b) => distance(text, a) - distance(text, b))[0];
}

/** Levenshtein's: the letters to add, remove or change. */
function distance(a, b) {
  let row = Array.from({ length: b.length + 1 }, (_none, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next.push(Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1)));
    }
    row = next;
  }
  return row[b.length];
}

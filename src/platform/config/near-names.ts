/**
 * The name that was most likely meant.
 *
 * @param name - a name that is none of `names`.
 * @returns the nearest of `names`, where about a quarter of its letters differ at most; case, `_`, `-` and `.` do not count.
 */
export function nearestName(name: string, names: readonly string[]): string | undefined {
  const given = fold(name);
  const [nearest] = names
    .map((known) => ({ known, distance: editDistance(given, fold(known)) }))
    .filter(({ known, distance }) => distance <= Math.round(fold(known).length / 4))
    .sort((one, other) => one.distance - other.distance);
  return nearest?.known;
}

function fold(name: string): string {
  return name.toUpperCase().replaceAll(/[^A-Z0-9]/g, '');
}

/** How many letters have to be inserted, deleted or replaced (Levenshtein). */
function editDistance(one: string, other: string): number {
  let last = Array.from({ length: other.length + 1 }, (_, column) => column);
  for (let row = 1; row <= one.length; row++) {
    const current = [row];
    for (let column = 1; column <= other.length; column++) {
      const replaced = (last[column - 1] ?? 0) + (one[row - 1] === other[column - 1] ? 0 : 1);
      current[column] = Math.min((last[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1, replaced);
    }
    last = current;
  }
  return last[other.length] ?? Infinity;
}

/**
 * The name that somebody most likely meant.
 *
 * @param name - a name that is none of `names`.
 * @returns the nearest of `names` when a quarter of its letters at most differ; case, `_`, `-` and `.` do not count.
 */
export function nearestName(name: string, names: readonly string[]): string | undefined {
  const given = fold(name);
  const [nearest] = names
    .map((known) => ({ known, distance: editDistance(given, fold(known)) }))
    .filter(({ known, distance }) => distance <= fold(known).length / 4)
    .sort((one, other) => one.distance - other.distance);
  return nearest?.known;
}

function fold(name: string): string {
  return name.toUpperCase().replaceAll(/[^A-Z0-9]/g, '');
}

/** How many letters have to be put in, taken out, replaced or swapped with their neighbor (optimal string alignment). */
function editDistance(one: string, other: string): number {
  let before: number[] = [];
  let last = Array.from({ length: other.length + 1 }, (_, column) => column);
  for (let row = 1; row <= one.length; row++) {
    const current = [row];
    for (let column = 1; column <= other.length; column++) {
      const isSame = one[row - 1] === other[column - 1];
      const isSwap = one[row - 1] === other[column - 2] && one[row - 2] === other[column - 1];
      current[column] = Math.min(
        (last[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (last[column - 1] ?? 0) + (isSame ? 0 : 1),
        isSwap ? (before[column - 2] ?? 0) + 1 : Infinity,
      );
    }
    before = last;
    last = current;
  }
  return last[other.length] ?? Infinity;
}

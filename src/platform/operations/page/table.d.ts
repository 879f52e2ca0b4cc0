export function compareBy<Row>(
  valueOf: (row: Row) => number | string | null | undefined,
  isDescending: boolean,
): (one: Row, other: Row) => number;

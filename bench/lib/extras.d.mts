interface Overload {
  readonly p50: number;
  readonly p99: number;
  readonly capacity: number;
  readonly servedPerSecond: number;
  readonly refusedPerSecond: number;
}

export function extraRows(found: {
  readonly overload?: { readonly alone: Overload; readonly unprotected: Overload };
}): readonly {
  readonly title: string;
  readonly value: string;
  readonly ratio?: number;
  readonly least?: number;
  readonly most?: number;
}[];

import type { BenchOptions } from './options.mjs';

export interface Plan {
  readonly rows: readonly { readonly id: string }[];
  readonly packages: readonly string[];
}

export function plan(options: Pick<BenchOptions, 'only' | 'extras'>): Plan;

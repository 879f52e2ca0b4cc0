import type { BenchOptions } from './options.mjs';

export interface Scale {
  readonly id: string;
  readonly title: string;
  readonly what: string;
  readonly sizes: readonly number[];
  readonly base: number;
  readonly isBeside?: boolean;
}

export function planScales(options: Pick<BenchOptions, 'only' | 'quick'>): readonly Scale[];

import type { Scale } from './scale.mjs';

interface Cost {
  readonly micros: number;
  readonly redisMicros?: number;
}

type Turn = Readonly<Record<'own' | 'base', Cost> & Partial<Record<'ownBare' | 'baseBare', Cost>>>;

interface MeasuredSize {
  readonly size: number;
  readonly turns: readonly Turn[];
  readonly rss: { readonly own: number; readonly base: number };
}

interface Growth {
  readonly micros: number;
  readonly ratio: number;
  readonly ratioError: number;
}

export interface Size extends Growth {
  readonly size: number;
  readonly isBase: boolean;
  readonly rssMib: number;
  readonly redisMicros?: number;
  readonly bare?: Growth;
  readonly addedMicros?: number;
}

export interface Scales {
  readonly machine: string;
  readonly scales: readonly (Pick<Scale, 'id' | 'title' | 'base'> & { readonly sizes: readonly Size[] })[];
}

export function summarizeScales(
  measured: readonly { readonly scale: Scale; readonly sizes: readonly MeasuredSize[] }[],
  options: { readonly rounds: number; readonly quick: boolean },
): Scales;
export function scalesTable(summary: Scales): string;

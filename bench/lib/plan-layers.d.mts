import type { BenchOptions } from './options.mjs';

export interface LayerPlan {
  readonly rows: readonly { readonly id: string }[];
  readonly compared: ReadonlySet<string>;
}

export function planLayers(options: Pick<BenchOptions, 'only'>): {
  readonly plans: readonly LayerPlan[];
  readonly packages: readonly string[];
};

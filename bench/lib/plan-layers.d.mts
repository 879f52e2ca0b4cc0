import type { BenchOptions } from './options.mjs';
import type { Plan } from './plan.mjs';

export function planLayers(options: Pick<BenchOptions, 'only'>): Plan;

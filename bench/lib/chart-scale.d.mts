import type { Scales } from './report-scale.mjs';

export function scalesChart(summary: Scales): string;

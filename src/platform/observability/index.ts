export type { Logger } from './logger.ts';
export type { Metrics } from './metrics.ts';

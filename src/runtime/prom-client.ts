import { createRequire } from 'node:module';
import type * as promClient from 'prom-client';

/**
 * What the app needs of prom-client, file by file. Its index also loads what pushes metrics, adds up a cluster's, and
 * the OpenTelemetry API: a hundred files, of which a start that waits for each would not use one (docs/performance.md).
 */
const load = createRequire(import.meta.url);

export const Registry = load('prom-client/lib/registry.js') as typeof promClient.Registry;
export const Counter = load('prom-client/lib/counter.js') as typeof promClient.Counter;
export const Gauge = load('prom-client/lib/gauge.js') as typeof promClient.Gauge;
export const Histogram = load('prom-client/lib/histogram.js') as typeof promClient.Histogram;

export type Registry = promClient.Registry;
export type Counter<Label extends string> = promClient.Counter<Label>;
export type Gauge<Label extends string = string> = promClient.Gauge<Label>;
export type Histogram<Label extends string> = promClient.Histogram<Label>;

type Measure = (registry: Registry, options: { eventLoopMonitoringPrecision: number }) => void;

/** prom-client's default metrics, but for the CPU time, which is what needs OpenTelemetry: see process-metrics.ts. */
export const measures = [
  'processStartTime',
  'osMemoryHeap',
  'processOpenFileDescriptors',
  'processMaxFileDescriptors',
  'eventLoopLag',
  'processResources',
  'processHandles',
  'processRequests',
  'heapSizeAndUsed',
  'heapSpacesSizeAndUsed',
  'version',
  'gc',
].map((name) => load(`prom-client/lib/metrics/${name}.js`) as Measure);

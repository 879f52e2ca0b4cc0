import { Counter, Gauge, Registry } from 'prom-client';
import { residentMemory } from '../observability/resident-memory.ts';
import type { Status } from './status.ts';

const WORKER_STATES = ['booting', 'ready', 'hung', 'leaving'] as const;

/** What the supervisor counts about itself, in a registry of its own; read when it is scraped. */
export function supervisorMetrics(read: () => Status): Registry {
  const registry = new Registry();
  addGauge(registry, 'supervisor_target_workers', 'How many workers there are to be.', () => read().target);
  addGauge(registry, 'supervisor_generation', 'How often code was loaded: 1 at the start.', () => {
    return read().generation;
  });
  addGauge(registry, 'supervisor_resident_memory_bytes', 'Memory of the primary.', residentMemory());
  addWorkers(registry, read);
  addCounter(registry, ['supervisor_restarts_total', 'Replaced workers by reason.', 'reason'], () => {
    const { crashes, hangs, bootFailures, recycled } = read().counts;
    return { crash: crashes, hang: hangs, boot: bootFailures, recycle: recycled };
  });
  addCounter(registry, ['supervisor_reloads_total', 'Rolling reloads by outcome.', 'outcome'], () => {
    const { reloads, abortedReloads } = read().counts;
    return { done: reloads, aborted: abortedReloads };
  });
  return registry;
}

function addWorkers(registry: Registry, read: () => Status): void {
  new Gauge({
    name: 'supervisor_workers',
    help: 'Workers by state.',
    labelNames: ['state'],
    registers: [registry],
    collect() {
      const { workers } = read();
      for (const state of WORKER_STATES) {
        this.set({ state }, workers.filter((worker) => worker.state === state).length);
      }
    },
  });
}

function addGauge(registry: Registry, name: string, help: string, value: () => number): void {
  new Gauge({
    name,
    help,
    registers: [registry],
    collect() {
      this.set(value());
    },
  });
}

function addCounter(
  registry: Registry,
  [name, help, label]: [name: string, help: string, label: string],
  values: () => Record<string, number>,
): void {
  new Counter({
    name,
    help,
    labelNames: [label],
    registers: [registry],
    collect() {
      this.reset();
      for (const [key, value] of Object.entries(values())) this.inc({ [label]: key }, value);
    },
  });
}

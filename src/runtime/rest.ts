import { performance } from 'node:perf_hooks';
import type { Logger } from './logger.ts';

/** So many times in REST_SECONDS it is looked whether the process rests. */
const LOOKS = 10;

/** A process whose event loop is busy for a larger share of the time does not rest. Probes and a few requests are less. */
const MOST_UTILIZATION = 0.05;

/** Less is not worth the pause that a collection is. */
const WORTHWHILE_BYTES = 16 * 1024 ** 2;

/** Who has so much alive that a collection takes longer, in milliseconds, is better off without. */
const MOST_PAUSE_MS = 1000;

/** What a process did of late, and what it holds. */
export interface RestSample {
  /** The share of the last REST_SECONDS that the event loop was busy, from 0 to 1. */
  readonly utilization: number;
  readonly rssBytes: number;
}

/** What to do for less memory: collect garbage, or give back to the system what V8 keeps for itself after that. */
export type RestStep = 'collect' | 'release';

/** Decides when a resting process gives its memory back. Two steps: what comes meanwhile waits for one of them only. */
export class Rest {
  #leastBytes = 0;
  #isCollected = false;

  next({ utilization, rssBytes }: RestSample): RestStep | undefined {
    if (utilization >= MOST_UTILIZATION) return undefined;
    if (this.#isCollected) return 'release';
    return rssBytes - this.#leastBytes > WORTHWHILE_BYTES ? 'collect' : undefined;
  }

  /** Notes that a step was done, and what was left after it. */
  done(step: RestStep, rssBytes: number): void {
    this.#isCollected = step === 'collect';
    this.#leastBytes = rssBytes;
  }
}

export interface RestOptions {
  /** How long the process must have had next to nothing to do, in seconds; 0: memory is never given back. */
  readonly seconds: number;
  readonly logger: Logger;
}

/**
 * Collects garbage out of band: while the process has nothing else to do. V8 collects when it needs memory, so a process
 * that rests after a load keeps all that it took, most of it garbage, for as long as it rests (docs/performance.md).
 *
 * What was given back must be taken again, page by page, by the next load, and code that V8 dropped is compiled anew: the
 * first second or two are slower, as after a start. So a rest is long enough that a pause between two bursts is none.
 *
 * Each step pauses the process for some tens of milliseconds. So it happens once after a load, and no more once a pause
 * was longer than `MOST_PAUSE_MS`.
 */
export function collectAtRest({ seconds, logger }: RestOptions): void {
  if (seconds === 0) return;
  const rest = new Rest();
  const utilization = recentUtilization(LOOKS);
  const look = () => {
    const before = process.memoryUsage.rss();
    const step = rest.next({ utilization: utilization(), rssBytes: before });
    if (step === undefined) return;
    const begun = performance.now();
    run(step);
    const ms = Math.round(performance.now() - begun);
    const after = process.memoryUsage.rss();
    rest.done(step, after);
    logger.debug({ step, ms, rssBytes: { before, after } }, 'memory given back at rest');
    if (ms > MOST_PAUSE_MS) clearInterval(timer);
  };
  const timer = setInterval(look, (seconds / LOOKS) * 1000).unref();
}

/** How busy the event loop was since so many calls ago; 1 until there were as many. */
function recentUtilization(calls: number): () => number {
  const past = [performance.eventLoopUtilization()];
  return () => {
    const current = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(current, past[0]);
    const isWhole = past.push(current) > calls;
    if (isWhole) past.shift();
    return isWhole ? utilization : 1;
  };
}

/** Node 20's V8 takes any argument of `gc` for the wish to collect young objects only; its second call gives pages back. */
const LAST_RESORT =
  Number.parseInt(process.versions.v8) < 12
    ? []
    : [{ type: 'major', execution: 'sync', flavor: 'last-resort' }];

/**
 * V8's own `gc`, which it hides behind a flag. A plain collection works in several threads, and V8 keeps the pages that it
 * emptied. One of the last resort gives them back, but takes several times as long, unless it finds little left to do.
 *
 * @see https://github.com/v8/v8/blob/main/src/extensions/gc-extension.cc
 */
function run(step: RestStep): void {
  const v8 = process.getBuiltinModule('node:v8');
  v8.setFlagsFromString('--expose-gc');
  const gc = process.getBuiltinModule('node:vm').runInNewContext('gc') as (...options: object[]) => void;
  v8.setFlagsFromString('--no-expose-gc');
  gc(...(step === 'release' ? LAST_RESORT : []));
}

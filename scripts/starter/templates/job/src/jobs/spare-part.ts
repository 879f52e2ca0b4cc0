import type { Job } from '../platform/jobs/index.ts';
import type { Toolkit } from '../toolkit.ts';

/** Runs every hour, in one of all processes: docs/add-a-background-job.md. */
export function sparePart({ logger }: Toolkit): Job {
  return {
    name: 'spare-part',
    every: 60 * 60,
    run: (signal, { fence }) => {
      // Your work. Look at the signal between its steps, or pass it on: it fires when the process stops.
      if (!signal.aborted) logger.info({ run: fence }, 'spare-part done');
    },
  };
}

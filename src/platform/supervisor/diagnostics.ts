import { writeFile } from 'node:fs/promises';
import { Session } from 'node:inspector';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { writeHeapSnapshot } from 'node:v8';

/** Readable by the owner only, and never over a file (or a link) that is there: a snapshot holds every secret there is. */
const NEW_PRIVATE_FILE = { flag: 'wx', mode: 0o600 } as const;

/**
 * Records for so many seconds where this process spends its time, and writes it as a `.cpuprofile`, which the browser's
 * developer tools open (Performance, Load profile).
 */
export async function recordCpuProfile(file: string, seconds: number): Promise<void> {
  const session = new Session();
  session.connect();
  const post = promisify(session.post.bind(session)) as (method: string) => Promise<unknown>;
  try {
    await post('Profiler.enable');
    await post('Profiler.start');
    await sleep(seconds * 1000);
    const { profile } = (await post('Profiler.stop')) as { profile: unknown };
    await writeFile(file, JSON.stringify(profile), NEW_PRIVATE_FILE);
  } finally {
    session.disconnect();
  }
}

/**
 * Writes what is in this process's memory as a `.heapsnapshot`, which the browser's developer tools open (Memory, Load).
 * Nothing else happens meanwhile: about a second for each 100 MB.
 */
export async function takeHeapSnapshot(file: string): Promise<void> {
  await writeFile(file, '', NEW_PRIVATE_FILE);
  writeHeapSnapshot(file);
}

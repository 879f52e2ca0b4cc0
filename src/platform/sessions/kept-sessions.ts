import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { MemorySessionStore, SessionDump } from './memory-session-store.ts';

/**
 * Takes the sessions of the process before out of a file, for development: a restart after each change would log everybody out.
 * A file that is not there, or is no dump, is none.
 *
 * @returns writes the file for the next process. Never rejects: where no file can be written, sessions end as ever.
 */
export async function keepSessions(store: MemorySessionStore, file: string): Promise<() => Promise<void>> {
  await readFile(file, 'utf8')
    .then((json) => {
      store.restore(JSON.parse(json) as SessionDump);
    })
    .catch(() => undefined);
  return () => save(file, JSON.stringify(store.dump())).catch(() => undefined);
}

async function save(file: string, json: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  // Whole or not at all, and only for this user, also where there was one for others.
  const next = `${file}.${process.pid}`;
  await writeFile(next, json, { mode: 0o600 });
  await rename(next, file);
}

// A run that is cut short, with Ctrl-C or SIGTERM, leaves nothing behind: no process, no folder.
import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const processes = new Set();
const directories = new Set();

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.once(signal, () => {
    for (const child of processes) child.kill('SIGTERM');
    // A server may still write there while it ends.
    for (const directory of directories) rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
    process.kill(process.pid, signal);
  });
}

/** Ends a process with this one, if it has not ended by then. */
export function endsWithThis(child) {
  processes.add(child);
  child.once('exit', () => processes.delete(child));
  return child;
}

/** A new folder for what a run needs only while it goes on. Whoever asked removes it in the end. */
export async function temporaryDirectory(name) {
  const directory = await mkdtemp(join(tmpdir(), `${name}-`));
  directories.add(directory);
  return directory;
}

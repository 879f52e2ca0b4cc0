import { readFile, rename, rm, writeFile } from 'node:fs/promises';

/**
 * Writes this process's id to a file. One that is left from a process that was killed is overwritten; who asks "is it
 * running?" must ask the process, not the file. Never half written, so that a reader can rely on what it finds.
 */
export async function writePidFile(path: string): Promise<void> {
  const temporary = `${path}.${process.pid}`;
  await writeFile(temporary, `${process.pid}\n`);
  await rename(temporary, path);
}

/** Removes the file, if it is ours. */
export async function removePidFile(path: string): Promise<void> {
  const content = await readFile(path, 'utf8').catch(() => '');
  if (content.trim() === String(process.pid)) await rm(path, { force: true });
}

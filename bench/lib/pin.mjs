import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

const exec = promisify(execFile);

/**
 * Gives all servers the same core, and the client another: two cores of a virtual machine may differ in speed by half, for
 * as long as another machine works beside one of them. Only the thread that JavaScript runs on is bound; what V8 and libuv
 * have for themselves runs where there is room.
 *
 * @param servers - as `ServerProcess`; they must have answered before, as threads that are made later are bound as well.
 * @param others - pids of what works for them, and is to be beside the client.
 */
export async function pin(servers, load, others = []) {
  const cores = await usableCores();
  // The first and the last: no two halves of one core, however the machine counts them.
  for (const pid of [load.pid, ...others]) await bind(pid, cores.at(0));
  for (const server of servers) for (const pid of await server.pids()) await bind(pid, cores.at(-1));
}

async function bind(pid, core) {
  await exec('taskset', ['-p', '-c', String(core), String(pid)]);
}

/** Their numbers. A container may have only some of a machine's. */
async function usableCores() {
  const status = await readFile('/proc/self/status', 'utf8');
  const ranges = /^Cpus_allowed_list:\s*(.+)$/m.exec(status)[1].split(',');
  return ranges.flatMap((range) => {
    const [first, last = first] = range.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, i) => first + i);
  });
}

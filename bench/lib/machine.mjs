import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import { nodeBinary } from './server-process.mjs';

/** What the figures were measured on, without the name of any host. */
export function machine() {
  const version = execFileSync(nodeBinary(), ['--version'], { encoding: 'utf8' }).trim();
  const [{ model } = { model: 'unknown' }] = cpus();
  return `${availableParallelism()} vCPUs (${model.trim()}), ${distribution()}, Node ${version.slice(1)}`;
}

function distribution() {
  try {
    const [, name] = /^PRETTY_NAME="?([^"\n]+)/m.exec(readFileSync('/etc/os-release', 'utf8')) ?? [];
    return name ?? process.platform;
  } catch {
    return process.platform;
  }
}

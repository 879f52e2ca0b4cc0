// Waits until the app is ready; fails when it is not in time, and under Upstart as soon as the main process has ended. For
// supervisors that start a program and do not look.
//   node wait-ready.mjs http://127.0.0.1:3000/readyz SECONDS
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const [url = 'http://127.0.0.1:3000/readyz', seconds = '60'] = process.argv.slice(2);
const deadline = Date.now() + Number(seconds) * 1000;
let last = '';

while (!(await isReady())) {
  // Upstart does nothing about a main process that has ended before its post-start has, too.
  if (process.env.UPSTART_JOB && !mainProcessRuns()) fail(`the main process has ended; ${url}: ${last}`);
  if (Date.now() > deadline) fail(`${url} was not ready within ${seconds} s: ${last}`);
  await sleep(200);
}

async function isReady() {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(2000) });
    last = String(response.status);
    await response.body?.cancel();
    return response.ok;
  } catch (error) {
    last = String(error.cause?.code ?? error.message);
    return false;
  }
}

/**
 * Whether another process of this job runs. Upstart makes each process of a job the leader of a session, as a child of its
 * own, and names the job in the environment. What the main process has forked has all that but is no leader.
 */
function mainProcessRuns() {
  return readdirSync('/proc').some(
    (pid) => /^\d+$/.test(pid) && Number(pid) !== process.pid && isProcessOfJob(pid),
  );
}

function isProcessOfJob(pid) {
  try {
    // The name, in parentheses, may have spaces and parentheses itself.
    const [, parent, , session] = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ').at(-1).split(' ');
    if (Number(parent) !== process.ppid || session !== pid) return false;
    // Empty where it has ended and only waits for its parent to read why.
    const env = readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0');
    return env.includes(`UPSTART_JOB=${process.env.UPSTART_JOB}`);
  } catch {
    // It has ended meanwhile, or belongs to another user.
    return false;
  }
}

function fail(reason) {
  console.error(reason);
  process.exit(1);
}

// Waits until the app is ready. Fails if that takes too long, and under Upstart as soon as the main process has ended. For
// supervisors that start a program without a check.
//   node wait-ready.mjs http://127.0.0.1:3000/readyz SECONDS
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const [url = 'http://127.0.0.1:3000/readyz', seconds = '60'] = process.argv.slice(2);
const deadline = Date.now() + Number(seconds) * 1000;
let last = '';

while (!(await isReady())) {
  // Upstart does not react to the end of the main process while post-start runs.
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
 * Whether another process of this job runs. Upstart makes each process of a job a child of its own and the leader of a session,
 * and puts the job's name into the environment. A child of the main process has the name, but is no leader.
 */
function mainProcessRuns() {
  return readdirSync('/proc').some(
    (pid) => /^\d+$/.test(pid) && Number(pid) !== process.pid && isProcessOfJob(pid),
  );
}

function isProcessOfJob(pid) {
  try {
    // The name, in parentheses, may contain spaces and parentheses.
    const [, parent, , session] = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ').at(-1).split(' ');
    if (Number(parent) !== process.ppid || session !== pid) return false;
    // Empty for a zombie, which has ended and waits for its parent.
    const env = readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0');
    return env.includes(`UPSTART_JOB=${process.env.UPSTART_JOB}`);
  } catch {
    // The process has ended, or belongs to another user.
    return false;
  }
}

function fail(reason) {
  console.error(reason);
  process.exit(1);
}

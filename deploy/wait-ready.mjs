// Waits until the app is ready; fails when it isn't in time. For supervisors that start a program and don't look.
//   node wait-ready.mjs http://127.0.0.1:3000/readyz SECONDS
import { setTimeout as sleep } from 'node:timers/promises';

const [url = 'http://127.0.0.1:3000/readyz', seconds = '60'] = process.argv.slice(2);
const deadline = Date.now() + Number(seconds) * 1000;
let last = '';

while (!(await isReady())) {
  if (Date.now() > deadline) {
    console.error(`${url} was not ready within ${seconds} s: ${last}`);
    process.exit(1);
  }
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

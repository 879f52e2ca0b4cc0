// Clients that ask for one URL until stdin ends, and count what becomes of each request: in a process of its own, so that
// a busy test is not taken for a slow server, and without imports, so that it runs wherever Node does.
//   node visitors.mjs URL [keepAlive clients] [single-connection clients]
// Prints a line of JSON every quarter of a second, and a last one when all requests have ended.
import { Agent, get } from 'node:http';

/** A request without a response for this long has hung. */
const HUNG_MS = 15_000;
const THINK_MS = 20;
const REPORT_MS = 250;

const [url, keepAlive = '8', single = '4'] = process.argv.slice(2);
const counts = { requests: 0, ok: 0, status: 0, refused: 0, reset: 0, hung: 0 };
/** The last response, for tests that wait for another one. */
let answer = '';
const errors = {};
let stopped = false;

process.stdin.resume().on('end', () => (stopped = true));
const report = () => console.log(JSON.stringify({ ...counts, answer, errors }));
const reporter = setInterval(report, REPORT_MS);
await Promise.all([
  ...Array.from({ length: Number(keepAlive) }, () => client(new Agent({ keepAlive: true, maxSockets: 1 }))),
  ...Array.from({ length: Number(single) }, () => client(false)),
]);
clearInterval(reporter);
report();
process.exit();

async function client(agent) {
  while (!stopped) {
    counts.requests++;
    const outcome = await request(agent).catch(kindOf);
    counts[outcome]++;
    await new Promise((resolve) => setTimeout(resolve, Math.random() * THINK_MS));
  }
}

function request(agent) {
  return new Promise((resolve, reject) => {
    const asked = get(url, { agent }, (response) => {
      const parts = [];
      response.on('data', (part) => parts.push(part));
      response.on('error', reject);
      response.on('end', () => {
        answer = Buffer.concat(parts).toString().slice(0, 200);
        resolve(response.statusCode === 200 ? 'ok' : 'status');
      });
    });
    asked.setTimeout(HUNG_MS, () => asked.destroy(Object.assign(new Error('hung'), { code: 'HUNG' })));
    asked.on('error', reject);
  });
}

function kindOf({ code, message }) {
  const name = code ?? message;
  errors[name] = (errors[name] ?? 0) + 1;
  if (code === 'HUNG') return 'hung';
  return code === 'ECONNREFUSED' ? 'refused' : 'reset';
}

// Clients that count each lost request, in a process of its own, so that what they count does not depend on how busy the
// test is. They never send a request twice: what is lost is counted. Started by load.ts, which documents the options.
import { Agent, request } from 'node:http';

const { port, clients, hungMs } = JSON.parse(process.argv[2]);

const result = { ok: 0, failed: 0, reset: 0, hung: 0, first: [] };
const BODY = JSON.stringify({ echo: 'hello' });
let stopped = false;

process.on('message', () => (stopped = true));
process.on('disconnect', () => process.exit(1));
const reports = setInterval(() => process.send?.({ result, ended: false }), 100);

await Promise.all(clients.flatMap((kind) => Array.from({ length: kind.count ?? 1 }, () => run(kind))));
clearInterval(reports);
process.send?.({ result, ended: true }, () => process.exit(0));

async function run({ method = 'GET', path, keepAlive = true, thinkMs = 0 }) {
  const agent = new Agent({ keepAlive, maxSockets: 1 });
  while (!stopped) {
    const outcome = await once(method, path, agent);
    if (outcome === 'ok') result.ok++;
    else note(outcome, `${method} ${path}`);
    if (thinkMs > 0) await new Promise((resolve) => setTimeout(resolve, Math.random() * thinkMs));
  }
  agent.destroy();
}

function note(outcome, what) {
  const [kind, detail] = outcome.split(': ');
  result[kind]++;
  if (result.first.length < 10) result.first.push(`${new Date().toISOString()} ${what}: ${kind} ${detail}`);
  // A port that refuses is asked again, but not a thousand times a second.
}

function once(method, path, agent) {
  return new Promise((resolve) => {
    const headers =
      method === 'POST' ? { 'Content-Type': 'application/json', 'Content-Length': BODY.length } : {};
    const req = request({ agent, host: '127.0.0.1', port, path, method, headers });
    const timer = setTimeout(() => {
      resolve(`hung: after ${hungMs} ms`);
      req.destroy();
    }, hungMs);
    const settle = (outcome) => {
      clearTimeout(timer);
      resolve(outcome);
    };
    req.once('response', (res) => {
      let text = '';
      res.setEncoding('utf8');
      res.on('data', (chunk) => (text += chunk));
      res.once('end', () => {
        const right = res.statusCode === 200 && (method !== 'POST' || text.includes('hello'));
        settle(right ? 'ok' : `failed: status ${res.statusCode} ${text.slice(0, 100)}`);
      });
      res.once('error', (error) => settle(`reset: ${error.code} in the response`));
    });
    req.once('error', (error) => settle(`reset: ${error.code ?? error.message}`));
    req.end(method === 'POST' ? BODY : undefined);
  });
}

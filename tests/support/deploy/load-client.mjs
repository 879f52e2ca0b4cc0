// Sends each request as soon as the one before has its response, in a process of its own, so that what it counts does not depend on how
// busy the test is. Started by load.ts, which documents the options and the result.
import http from 'node:http';
import https from 'node:https';

/** A response that takes longer is a failure: a test must fail, not hang. */
const PATIENCE_MS = 30_000;

const options = JSON.parse(process.argv[2] ?? '{}');
const { url, requests, lanes = 8, addresses = 1, total = Infinity, keepAlive = true, pauseMs = 0 } = options;
const { protocol, port, hostname } = new URL(url);
const { Agent, request } = protocol === 'https:' ? https : http;

const result = { sent: 0, answered: 0, failed: 0, wrong: 0, retried: 0, statuses: {}, failures: [] };
let begun = 0;
let stopped = false;

process.on('message', () => {
  stopped = true;
});
process.on('disconnect', () => process.exit(1));
const reports = setInterval(() => process.send?.({ progress: result }), 50);

await Promise.all(Array.from({ length: lanes }, (_, index) => runLane(index)));
clearInterval(reports);
process.send?.({ result }, () => process.exit(0));

/** One client: a kind of request of its own, and each time the next of its addresses, which keep a connection each. */
async function runLane(index) {
  const kind = requests[index % requests.length];
  const agents = new Map();
  for (let turn = 0; !stopped && begun < total; turn++) {
    begun++;
    const place = (index + turn * lanes) % Math.max(addresses, 1);
    const agent = agents.get(place) ?? agentAt(place);
    agents.set(place, agent);
    await once(kind, agent);
    if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, Math.random() * pauseMs));
  }
  for (const agent of agents.values()) agent.destroy();
}

function agentAt(place) {
  return new Agent({
    keepAlive,
    maxSockets: 1,
    ...(addresses > 0 && { localAddress: `127.0.${1 + Math.floor(place / 250)}.${1 + (place % 250)}` }),
    ...(options.ca && { ca: options.ca, servername: options.host }),
  });
}

async function once(kind, agent) {
  try {
    const { status, body } = await send(kind, agent, true);
    result.answered++;
    result.statuses[status] = (result.statuses[status] ?? 0) + 1;
    if (status !== (kind.status ?? 200)) fail(kind, `status ${status}: ${body.slice(0, 200)}`);
    else if (kind.contains && !body.includes(kind.contains)) wrong(kind, body);
    else if (kind.lacks && body.includes(kind.lacks)) wrong(kind, body);
  } catch (error) {
    fail(kind, error.code ?? error.message);
  }
}

function fail(kind, reason) {
  result.failed++;
  note(kind, reason);
}

function wrong(kind, body) {
  result.wrong++;
  note(kind, `wrong: ${body.slice(0, 200)}`);
}

function note({ path, method = 'GET' }, reason) {
  if (result.failures.length < 10) result.failures.push(`${method} ${path}: ${reason}`);
}

function send(kind, agent, mayRetry) {
  const { path, method = 'GET', headers = {}, body = '' } = kind;
  return new Promise((resolve, reject) => {
    const own = {
      Host: options.host ?? hostname,
      ...(body && { 'Content-Length': Buffer.byteLength(body) }),
    };
    const req = request({ agent, host: hostname, port, path, method, headers: { ...own, ...headers } });
    let answering = false;
    req.setTimeout(PATIENCE_MS, () => req.destroy(new Error('no response in time')));
    req.once('finish', () => result.sent++);
    req.once('response', (res) => {
      answering = true;
      let text = '';
      res.setEncoding('utf8');
      res.on('data', (chunk) => (text += chunk));
      res.once('end', () => resolve({ status: res.statusCode, body: text }));
      res.once('error', reject);
    });
    req.once('error', (error) => {
      // A server may close an idle connection at any time, also just when something is sent on it. For that every
      // browser and proxy repeats what may be repeated, once: https://www.rfc-editor.org/rfc/rfc9112#section-9.3.1
      const closedWhileIdle = req.reusedSocket && !answering && ['ECONNRESET', 'EPIPE'].includes(error.code);
      if (!closedWhileIdle || !mayRetry || method !== 'GET') return reject(error);
      result.retried++;
      send(kind, agent, false).then(resolve, reject);
    });
    req.end(body);
  });
}

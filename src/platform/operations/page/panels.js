// What each table and tile shows, and how it is written.
import { element, find, setText } from './dom.js';
import { bytes, clock, cores, count, duration, milliseconds, NONE, percent, rate } from './format.js';
import { createTable } from './table.js';

const TONES = { serving: 'good', ready: 'good', degraded: 'bad', hung: 'bad', stopping: 'warn' };
/** @returns how a state of the app or of a worker is to be seen: good, bad, or on its way (warn). */
export const toneOf = (state) => TONES[state] ?? 'warn';

const number = (title, value, format = String) => ({ title, value, format, isNumber: true });
const words = (title, value, more) => ({ title, value, ...more });
const time = words('Time', ({ at }) => at, { format: clock });

function createWorkers(place) {
  let restarts = [];
  const restartsOf = ({ slot }) => restarts.filter((one) => one.slot === slot);
  const update = createTable(place, {
    label: 'Workers',
    keyOf: ({ slot, pid }) => `${slot} ${pid}`,
    empty: 'No worker runs.',
    columns: [
      number('Worker', ({ slot }) => slot),
      number('PID', ({ pid }) => pid),
      words('State', ({ state }) => state, { tone: ({ state }) => toneOf(state) }),
      number('Generation', ({ generation }) => generation),
      number('Uptime', ({ uptimeSeconds }) => uptimeSeconds, duration),
      number('CPU', ({ cpu }) => cpu, cores),
      number('Memory', ({ rssBytes }) => rssBytes, bytes),
      number('Heap', ({ heapBytes }) => heapBytes, bytes),
      number('Loop busy', ({ utilization }) => utilization, percent),
      number('Loop delay p99', ({ delayMs }) => delayMs, milliseconds),
      number('Requests', ({ requestsPerSecond }) => requestsPerSecond, rate),
      number('In flight', ({ inFlight }) => inFlight, count),
      words('Recent restarts', (row) => {
        const [last, ...rest] = restartsOf(row);
        return last ? `${rest.length + 1}, last: ${last.reason}` : 'none';
      }),
    ],
  });
  return (live) => {
    restarts = live.restarts;
    update(live.workers);
  };
}

function createRoutes(place) {
  return createTable(place, {
    label: 'Routes',
    keyOf: ({ method, route }) => `${method} ${route}`,
    empty: 'No request since the start.',
    sortedBy: 'Rate',
    columns: [
      words('Route', ({ method, route }) => `${method} ${route}`),
      number('Rate', ({ perSecond }) => perSecond, rate),
      number('Requests', ({ requests }) => requests, count),
      { ...number('Errors', ({ errors }) => errors, count), tone: ({ errors }) => (errors > 0 ? 'bad' : '') },
      number('p50', ({ p50Ms }) => p50Ms, milliseconds),
      number('p99', ({ p99Ms }) => p99Ms, milliseconds),
      number('Slowest', ({ slowestMs }) => slowestMs, milliseconds),
    ],
  });
}

/** The message with its stack behind it, in development; in production there is the code alone. */
function fillDetails(cell, { message, stack }) {
  if (!stack) cell.append(message ?? NONE);
  else
    cell.append(
      element('details', {}, element('summary', {}, message ?? 'Stack'), element('pre', {}, stack)),
    );
}

function createErrors(place) {
  return createTable(place, {
    label: 'Errors and crashes',
    keyOf: ({ at, requestId, slot, code }) => `${at} ${requestId} ${slot} ${code}`,
    empty: 'None since the start.',
    columns: [
      time,
      words('Code', ({ code }) => code, { tone: ({ kind }) => (kind === 'crash' ? 'bad' : '') }),
      number('Status', ({ kind, status }) => (kind === 'crash' ? 'crash' : status)),
      words('Route', ({ method, route }) => (route ? `${method} ${route}` : undefined)),
      number('Worker', ({ slot }) => slot),
      words('Request ID', ({ requestId }) => requestId),
      { title: 'Details', fill: fillDetails },
    ],
  });
}

function createRestarts(place) {
  return createTable(place, {
    label: 'Restarts',
    keyOf: ({ at, slot, pid }) => `${at} ${slot} ${pid}`,
    empty: 'None since the start.',
    columns: [
      time,
      number('Worker', ({ slot }) => slot),
      number('PID', ({ pid }) => pid),
      words('Reason', ({ reason }) => reason, { isLong: true }),
    ],
  });
}

function createReloads(place) {
  return createTable(place, {
    label: 'Reloads',
    keyOf: ({ at, generation }) => `${at} ${generation}`,
    empty: 'None since the start.',
    columns: [
      time,
      words('Outcome', ({ ok }) => (ok ? 'done' : 'aborted'), { tone: ({ ok }) => (ok ? 'good' : 'bad') }),
      number('Generation', ({ generation }) => generation),
      number(
        'Took',
        ({ seconds }) => seconds,
        (seconds) => milliseconds(seconds * 1000),
      ),
      words('Asked by', ({ source }) => source),
      words('Reason', ({ reason }) => reason, { isLong: true }),
    ],
  });
}

/** @returns a function that takes the settings of Facts. */
export function createConfiguration(place, filter) {
  let settings = [];
  const update = createTable(place, {
    label: 'Configuration',
    keyOf: ({ name }) => name,
    empty: 'No setting matches.',
    columns: [
      words('Setting', ({ name }) => name),
      words('Value', ({ value }) => (value === null ? 'set, not shown' : value === '' ? 'not set' : value), {
        isLong: true,
        tone: ({ value }) => (value === null || value === '' ? 'quiet' : ''),
      }),
      words('Source', ({ source }) => source),
    ],
  });
  const show = () => {
    const wanted = filter.value.trim().toLowerCase();
    update(
      settings.filter((one) => `${one.name} ${one.value ?? ''} ${one.source}`.toLowerCase().includes(wanted)),
    );
  };
  filter.addEventListener('input', show);
  return (latest) => {
    settings = latest;
    show();
  };
}

const store = (one) => (one === null ? ['not used', ''] : storeState(one));
const storeState = ({ up, latencyMs }) =>
  up ? [`up · ${milliseconds(latencyMs)}`, 'good'] : ['down', 'bad'];

/** Label → [text, tone]. */
function tilesOf({ sample, ready, target, stores }) {
  const total = Object.values(sample.responses).reduce((sum, one) => sum + one, 0);
  const errors = sample.responses['5xx'];
  return {
    'Workers ready': [`${ready} of ${target}`, ready < target ? 'bad' : ''],
    Requests: [rate(total), ''],
    'Server errors': [rate(errors), errors > 0 ? 'bad' : ''],
    'Latency p99': [milliseconds(sample.p99Ms), ''],
    'In flight': [count(sample.inFlight), ''],
    CPU: [cores(sample.cpu), ''],
    Memory: [bytes(sample.rssBytes), ''],
    'Cache hits': [percent(sample.cacheHitRatio), ''],
    Redis: store(stores.redis),
    [`Sessions in ${stores.kind}`]: storeState(stores.sessions),
  };
}

/** Updates a list of terms in place: name → [text, tone]. */
export function showTerms(list, terms) {
  const entries = Object.entries(terms);
  if (list.children.length !== entries.length) {
    list.replaceChildren(...entries.map(() => element('div', {}, element('dt'), element('dd'))));
  }
  entries.forEach(([name, [text, tone = '']], index) => {
    const [term, value] = list.children[index].children;
    setText(term, name);
    setText(value, text);
    value.dataset.tone = tone;
  });
}

/** @returns a function that takes what the event stream sends each second. */
export function createPanels() {
  const workers = createWorkers(find('workers'));
  const routes = createRoutes(find('routes'));
  const errors = createErrors(find('errors'));
  const restarts = createRestarts(find('restarts'));
  const reloads = createReloads(find('reloads'));
  return (live) => {
    showTerms(find('tiles'), tilesOf(live));
    workers(live);
    routes(live.routes);
    errors(live.errors);
    restarts(live.restarts);
    reloads(live.reloads);
  };
}

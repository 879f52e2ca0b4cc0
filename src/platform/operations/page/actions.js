// The actions: confirmed in a dialog, sent, and their result shown.
import { element, find, setText } from './dom.js';
import { clock } from './format.js';

/** `fields`: what is sent. `recorded`: what the file is, of those that are drawn as a flame graph. */
const ACTIONS = {
  reload: {
    fields: [],
    title: () => 'Reload all workers?',
    text: 'Each worker is replaced by one that loads the code again, one after another. Requests in flight are completed. If a new worker does not get ready, the reload is aborted and the old ones stay.',
  },
  scale: {
    fields: ['count'],
    title: ({ count }) => `Scale to ${count} ${count === 1 ? 'worker' : 'workers'}?`,
    text: 'Surplus workers complete their requests and stop. It lasts until the next start.',
  },
  'log-level': {
    fields: ['level'],
    title: ({ level }) => `Set the log level to ${level}?`,
    text: 'In all processes, until the next start.',
  },
  recycle: {
    fields: ['slot'],
    title: ({ slot }) => `Recycle worker ${slot}?`,
    text: 'A new worker takes its place, then the old one completes its requests and stops.',
  },
  'cpu-profile': {
    fields: ['slot', 'seconds'],
    title: ({ slot, seconds }) => `Record worker ${slot}'s CPU for ${seconds} s?`,
    text: 'The worker goes on serving, a little slower while it is recorded.',
    recorded: 'CPU profile',
  },
  'heap-sample': {
    fields: ['slot', 'seconds'],
    title: ({ slot, seconds }) => `Record worker ${slot}'s allocations for ${seconds} s?`,
    text: 'The worker goes on serving, a little slower while it is recorded.',
    recorded: 'Heap allocations',
  },
  'heap-snapshot': {
    fields: ['slot'],
    title: ({ slot }) => `Take a heap snapshot of worker ${slot}?`,
    text: 'The worker serves nothing meanwhile: about one second per 100 MB. The file holds all that is in memory, secrets included.',
  },
};

const RESULTS_SHOWN = 4;

/** @returns `describe(facts)`, and `update(live)` for what can be chosen. */
export function createActions(showFlame) {
  const running = new Set();
  for (const form of document.querySelectorAll('.actions form')) {
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      const action = event.submitter.value;
      if (running.has(action)) return;
      start(action, valuesOf(form, action), { running, button: event.submitter, showFlame });
    });
  }
  return {
    describe,
    update: ({ workers, target, logLevel }) => {
      choices('slot', [...new Set(workers.map(({ slot }) => String(slot)))]);
      setOnce(field('count'), String(target));
      setOnce(field('level'), logLevel);
    },
  };
}

const field = (name) => document.querySelector(`.actions [name="${name}"]`);

/** Follows the app until a person has chosen something else. */
function setOnce(input, value) {
  if (input.value !== input.dataset.from && input.dataset.from !== undefined) return;
  input.value = value;
  input.dataset.from = input.value;
}

function choices(name, values) {
  const select = field(name);
  if ([...select.options].map(({ value }) => value).join() === values.join()) return;
  const { value } = select;
  select.replaceChildren(...values.map((one) => new Option(one)));
  if (values.includes(value)) select.value = value;
}

/** Numbers are numbers in the JSON. */
function valuesOf({ elements }, action) {
  const read = ({ value, name }) => (name === 'level' ? value : Number(value));
  return Object.fromEntries(ACTIONS[action].fields.map((name) => [name, read(elements[name])]));
}

async function start(action, values, { running, button, showFlame }) {
  const { title, text, recorded } = ACTIONS[action];
  const label = button.textContent;
  if (!(await confirmed({ title: title(values), text, label }))) return;
  running.add(action);
  button.setAttribute('aria-busy', 'true');
  const line = addLine(find('results'), label, 'running');
  const stopProgress = showProgress(find('progress'), recorded ? values.seconds : undefined);
  try {
    const { message, file } = await send(action, values);
    const url = file && `/files/${encodeURIComponent(file)}`;
    const about = recorded && `${recorded} of worker ${values.slot}, ${values.seconds} s`;
    if (about) await showFlame({ title: about, url, isHeap: action === 'heap-sample' });
    showResult(line, label, about ?? message ?? 'done', { url, isDrawn: Boolean(about) });
  } catch (error) {
    line.dataset.tone = 'bad';
    showResult(line, `${label} failed`, error.message);
  } finally {
    stopProgress();
    running.delete(action);
    button.removeAttribute('aria-busy');
  }
}

/** Asks, and resolves to whether the answer was yes. The dialog gives the focus back to the button. */
function confirmed({ title, text, label }) {
  const dialog = find('confirm');
  setText(find('confirm-title'), title);
  setText(find('confirm-text'), text);
  setText(find('confirm-yes'), label);
  dialog.returnValue = '';
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener('close', () => resolve(dialog.returnValue === 'yes'), { once: true });
  });
}

async function send(action, values) {
  const response = await fetch(`/actions/${action}`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(values),
  });
  const reply = await response.json().catch(() => ({}));
  if (!reply.ok) throw new Error(reply.error ?? `the server responded with ${response.status}`);
  return reply.result ?? {};
}

/** @returns a function that ends it. */
function showProgress(bar, seconds) {
  if (seconds === undefined) return () => undefined;
  const from = performance.now();
  bar.hidden = false;
  const timer = setInterval(
    () => (bar.value = Math.min(1, (performance.now() - from) / 1000 / seconds)),
    250,
  );
  bar.value = 0;
  return () => {
    clearInterval(timer);
    bar.hidden = true;
  };
}

function addLine(list, label, text) {
  const line = element('li');
  showResult(line, label, text);
  list.prepend(line);
  while (list.children.length > RESULTS_SHOWN) list.lastChild.remove();
  return line;
}

function showResult(line, label, text, { url, isDrawn } = {}) {
  line.replaceChildren(element('b', {}, label), `: ${text} `);
  if (isDrawn) line.append(element('a', { href: '#profile-title' }, 'Flame graph'), ' ');
  if (url) line.append(element('a', { href: url, download: '' }, 'Download'), ' ');
  line.append(element('time', {}, clock(Date.now())));
}

/** Disables what cannot be done here, and says why in a list. */
function describe({ actions, logLevels, maxWorkers }) {
  choices('level', logLevels);
  field('count').max = maxWorkers;
  const reasons = new Map();
  for (const button of document.querySelectorAll('.actions button[value]')) {
    const { available, reason = 'Not available here.' } = actions[button.value] ?? { available: false };
    button.disabled = !available;
    if (!available) reasons.set(reason, [...(reasons.get(reason) ?? []), button]);
  }
  const lines = [...reasons].map(([reason, buttons], index) => {
    const id = `reason-${index}`;
    for (const button of buttons) button.setAttribute('aria-describedby', id);
    return element(
      'li',
      { id },
      element('b', {}, buttons.map((one) => one.textContent).join(', ')),
      `: ${reason}`,
    );
  });
  find('reasons').replaceChildren(...lines);
  find('reasons').hidden = lines.length === 0;
}

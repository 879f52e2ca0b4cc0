// The operations page: one event stream in, panels updated in place once per second.
import { createActions } from './actions.js';
import { createCharts } from './charts.js';
import { element, find, setText } from './dom.js';
import { createFlameView } from './flame-view.js';
import { clock, duration } from './format.js';
import { createConfiguration, createPanels, showTerms, toneOf } from './panels.js';

/** After this time without an update the numbers are old; there should be one per second. In milliseconds. */
const STALE_MS = 5000;
/** Between two attempts after an HTTP error, which a browser does not repeat by itself. In milliseconds. */
const RETRY_MS = 3000;

const charts = createCharts(find('charts'));
const panels = createPanels();
const configuration = createConfiguration(find('configuration'), find('filter'));
const actions = createActions(createFlameView());
const page = { facts: undefined, live: undefined, receivedAt: 0 };

const handlers = {
  facts: (facts) => {
    page.facts = facts;
    configuration(facts.config);
    actions.describe(facts);
  },
  history: (samples) => charts.reset(samples),
  live: (live) => {
    page.live = live;
    page.receivedAt = Date.now();
    charts.add(live.sample);
  },
};

connect();
setInterval(checkAge, 1000);
document.addEventListener('visibilitychange', render);

function connect() {
  const events = new EventSource('/events');
  for (const [name, handle] of Object.entries(handlers)) {
    events.addEventListener(name, ({ data }) => {
      handle(JSON.parse(data));
      if (name !== 'live') return;
      setConnection('live', 'good');
      render();
    });
  }
  events.addEventListener('error', () => {
    setConnection('reconnecting', 'bad');
    if (events.readyState === EventSource.CLOSED) setTimeout(retry, RETRY_MS);
  });
}

/** An event stream does not report its status: a token that is not valid any more needs a person. */
async function retry() {
  const status = await fetch('/').then(
    (response) => response.status,
    () => 0,
  );
  if (status !== 401) return connect();
  setConnection('logged out', 'bad');
  find('connection').append(' · ', element('a', { href: '/' }, 'Log in'));
}

function setConnection(text, tone) {
  setText(find('connection'), text);
  find('connection').dataset.tone = tone;
  showTitle();
}

function checkAge() {
  const age = Date.now() - page.receivedAt;
  if (page.receivedAt && age > STALE_MS && find('connection').textContent.startsWith('live')) {
    setConnection(`no update since ${clock(page.receivedAt)}`, 'bad');
  }
}

/** Nothing is drawn for a hidden tab; what came meanwhile is shown when it is seen again. */
function render() {
  const { facts, live } = page;
  if (document.hidden || !facts || !live) return;
  charts.draw();
  panels(live);
  actions.update(live);
  setText(find('name'), facts.name);
  setText(find('state'), live.state);
  find('state').dataset.tone = toneOf(live.state);
  showTitle();
  showTerms(find('facts'), factsOf(facts, live));
}

/** The state, or what is wrong with the connection: the tab says it, too. */
function showTitle() {
  const { facts, live } = page;
  const connection = find('connection');
  const state = connection.dataset.tone === 'good' ? live?.state : connection.textContent;
  const title = [state, facts?.name, 'operations'].filter(Boolean).join(' · ');
  if (document.title !== title) document.title = title;
}

function factsOf({ version, commit, node, env, mode, startedAt }, { generation, logLevel, sample }) {
  const modes = { cluster: 'cluster', pm2: 'under PM2', single: 'one process' };
  return {
    // A primary outlives the release that it was started from.
    [mode === 'cluster' ? 'Version at start' : 'Version']: [version],
    ...(commit && { Commit: [commit.slice(0, 12)] }),
    'Node.js': [node.replace(/^v/, '')],
    Environment: [env],
    Mode: [modes[mode]],
    Generation: [String(generation)],
    'Log level': [logLevel],
    Uptime: [duration((sample.at - startedAt) / 1000)],
  };
}

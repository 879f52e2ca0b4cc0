import { escapeHtml } from '../../platform/http/index.ts';

/** What the page shows. */
export interface HomeFacts {
  readonly name: string;
  /** Why it is not healthy, in words that are public. */
  readonly problem: string | undefined;
  readonly mode: string;
  readonly environment: string;
  readonly store: string;
  /** The name of the user who is logged in; `away` while sessions are not available. */
  readonly user: { readonly name: string } | 'away' | undefined;
  /** In development only, what strangers need not see: the process, and how often this session saw the page. */
  readonly details: Readonly<Record<string, string>>;
  /** What the forms are filled with; undefined shows none. */
  readonly demo: DemoFacts | undefined;
  /** Further places to read on: a path of this app, or a command, and what it is for. */
  readonly more: Readonly<Record<string, string>>;
}

export interface DemoFacts {
  readonly name: string;
  readonly password: string;
  /** To change, as it is stored; undefined while it cannot be read. */
  readonly company: { readonly name: string; readonly city: string } | undefined;
}

type Pair = readonly [string, string];

/** They work without a network. */
const STEPS = [
  {
    title: 'Add a feature',
    command: 'npm run new -- feature orders',
    text: 'Writes routes with storage and tests, and mounts them. <code>docs/store-something.md</code> explains each file.',
  },
  {
    title: 'Make it yours',
    command: 'npm run init',
    text: 'Sets your name, and removes the examples that you don’t need: <code>docs/remove-what-you-dont-need.md</code>.',
  },
  {
    title: 'Prepare for production',
    command: 'npm run doctor',
    text: 'Checks your settings. <code>deploy/README.md</code> has a folder per target: the container, the unit, the proxy.',
  },
];

const REQUESTS: readonly (readonly [group: string, requests: readonly Pair[]])[] = [
  [
    'Data',
    [
      ['/api/companies?pageSize=5&sort=-founded', 'The five youngest of 100 companies, paged and cached'],
      ['/api/companies?q=sao+paulo', 'A search in the list, without regard to accents'],
      ['/api/companies/58', 'One company'],
      ['/api/companies/58/logo', 'Its logo, streamed from a file'],
      ['/api/companies.csv', 'All as CSV, streamed row by row'],
      ['/api/search?params={"country":"JP","foundedBefore":1940}', 'A search with JSON in the query'],
    ],
  ],
  [
    'Errors',
    [
      ['/api/companies?page=0&sort=age', 'Two fields that are not valid'],
      ['/api/companies/9999', 'What does not exist'],
      ['/api/session', 'What needs a login'],
    ],
  ],
  [
    'Health',
    [
      ['/livez', 'The process responds'],
      ['/readyz', 'It may get traffic'],
    ],
  ],
];

/** Where to read on: a file of the repository needs no network. */
const READ_ON: readonly Pair[] = [
  ['docs/architecture.md', 'How it is built, on one page'],
  ['docs/add-a-route.md', 'A route; beside it, a page per everyday task'],
  ['docs/protect-a-route.md', 'Sessions, login and limits'],
  ['docs/use-the-cache.md', 'The cache'],
  ['docs/operations.md', 'Reload, scale, profile, and what to do when something is wrong'],
];

/**
 * The start page.
 *
 * @param asset - makes the URL of a file in public/.
 */
export function homePage(facts: HomeFacts, asset: (name: string) => string): string {
  const name = escapeHtml(facts.name);
  return `<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>${name} works</title>
  <link rel="icon" href="${asset('favicon.svg')}" type="image/svg+xml">
  <link rel="stylesheet" href="${asset('style.css')}">
  <link rel="stylesheet" href="${asset('home.css')}">
  <script type="module" src="${asset('app.js')}"></script>
</head>
<body>
  <header>
    <div class="bar">
      <p class="brand"><img src="${asset('favicon.svg')}" alt="" width="28" height="28"> ${name}</p>
      ${who(facts)}
    </div>
  </header>
  <main>
    <h1>It works.</h1>
    <p class="lead"><strong>${name}</strong> is an Express 5 service in TypeScript, made for production: sessions, a cache, reloads
      without a lost request. This page is an example of your own code: <code>src/features/home</code>.</p>
    ${status(facts)}
    ${steps()}
    ${requests()}
    ${facts.demo ? account(facts.demo, facts.user) : ''}
    <section aria-labelledby="read-on">
      <h2 id="read-on">Read on</h2>
      ${readOn(facts)}
    </section>
  </main>
</body>
</html>
`;
}

function who({ user, demo }: HomeFacts): string {
  if (user === 'away') return '<div id="who"><p class="bad">Sessions are away right now</p></div>';
  if (!user) return `<div id="who"><p>Not logged in</p>${demo ? '<a href="#account">Log in</a>' : ''}</div>`;
  const logout = `<form method="post" action="/demo/logout" data-api="DELETE /api/session"><button>Log out</button></form>`;
  return `<div id="who"><p>Logged in as <strong>${escapeHtml(user.name)}</strong></p>${demo ? logout : ''}</div>`;
}

function status({ problem, mode, environment, store, details }: HomeFacts): string {
  const health = problem === undefined ? chip('Healthy', 'good') : chip(`Degraded: ${problem}`, 'bad');
  const rows = Object.entries({ Mode: mode, NODE_ENV: environment, Store: store, ...details });
  const list = rows.map(([term, text]) => `<div><dt>${term}</dt><dd>${escapeHtml(text)}</dd></div>`).join('');
  return `<dl class="facts"><div><dt>Health</dt><dd>${health}</dd></div>${list}</dl>`;
}

function chip(text: string, kind: 'good' | 'bad'): string {
  return `<span class="chip ${kind}">${escapeHtml(text)}</span>`;
}

function steps(): string {
  const items = STEPS.map(
    ({ title, command, text }) =>
      `<li class="card"><h3>${title}</h3><p><code class="command">${command}</code></p><p>${text}</p></li>`,
  );
  return `<section aria-labelledby="next"><h2 id="next">Next steps</h2><ol class="steps">${items.join('')}</ol></section>`;
}

/** public/app.js opens the links in the panel beside them; without JavaScript they are links. */
function requests(): string {
  const link = ([path, text]: Pair) =>
    `<li><a href="${escapeHtml(encodeURI(path))}"><span>${text}</span> <code>GET ${escapeHtml(path)}</code></a></li>`;
  const groups = REQUESTS.map(
    ([title, pairs]) => `<h3 id="${title}">${title}</h3>
        <ul aria-labelledby="${title}">${pairs.map(link).join('')}</ul>`,
  );
  return `<section aria-labelledby="try">
      <h2 id="try">Try it</h2>
      <div class="try">
        <nav class="requests" aria-labelledby="try">${groups.join('')}</nav>
        <div class="card panel" id="panel"><p class="quiet">Choose a request: its response opens here.</p></div>
      </div>
    </section>`;
}

/** `action` is for browsers without JavaScript (demo.ts), `data-api` is what public/app.js asks. */
function account({ name, password, company }: DemoFacts, user: HomeFacts['user']): string {
  const isKnown = typeof user === 'object';
  const login = `<form class="card" method="post" action="/demo/login" data-api="POST /api/session" data-error="password">
          <h3>Log in</h3>
          ${field('name', 'Name', name, 'autocomplete="username"')}
          ${field('password', 'Password', password, 'type="password" autocomplete="current-password"')}
          <button class="primary">Log in</button>
        </form>`;
  const hint = isKnown
    ? 'Everybody sees the new city at once: the change purges the cache.'
    : 'Log in to change its city.';
  const change = `<form class="card" method="post" action="/demo/city" data-api="PATCH /api/companies/1" data-error="city">
          <h3>Move ${company ? escapeHtml(company.name) : 'a company'}</h3>
          <p class="quiet">${company ? hint : 'The companies cannot be read right now.'}</p>
          ${field('city', 'City', company?.city ?? '', `maxlength="100" ${isKnown ? '' : 'disabled'}`)}
          <button ${isKnown ? 'class="primary"' : 'disabled'}>Change</button>
        </form>`;
  return `<section id="account" aria-labelledby="demo">
      <h2 id="demo" tabindex="-1">Log in and change something <small>in development only</small></h2>
      <div class="forms">${isKnown ? '' : login}${change}</div>
    </section>`;
}

function field(name: string, label: string, value: string, attributes: string): string {
  return `<p class="field"><label for="${name}">${label}</label>
            <input id="${name}" name="${name}" value="${escapeHtml(value)}" ${attributes} required aria-describedby="${name}-error">
            <span class="error" id="${name}-error" aria-live="polite"></span></p>`;
}

function readOn({ more }: HomeFacts): string {
  const items = [...Object.entries(more), ...READ_ON].map(([what, text]) => {
    const code = `<code>${what}</code>`;
    return `<dt>${what.startsWith('/') ? `<a href="${what}">${code}</a>` : code}</dt><dd>${text}</dd>`;
  });
  return `<dl class="read-on">${items.join('')}</dl>`;
}

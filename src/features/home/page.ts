import { escapeHtml } from '../../platform/http/index.ts';

/** What the page shows. */
export interface HomeFacts {
  readonly pid: number;
  /** The cluster's number of this worker; undefined without a cluster. */
  readonly worker: number | undefined;
  readonly uptimeSeconds: number;
  readonly store: { readonly kind: string; readonly up: boolean | undefined };
  /** Of this session; `away` without a store, `uncounted` over the limit of new sessions. */
  readonly visits: number | 'away' | 'uncounted';
  /** The name of the user who is logged in. */
  readonly user: string | undefined;
  readonly cache: { readonly ageSeconds: number; readonly pid: number; readonly state: string };
  /** The user to log in with; undefined shows no forms. */
  readonly demo: { readonly name: string; readonly password: string } | undefined;
}

const LINKS: readonly (readonly [href: string, text: string])[] = [
  ['/api/companies?pageSize=5&sort=-founded', 'The five youngest of 100 companies, paged and cached'],
  ['/api/companies?q=sao+paulo', 'A search in the list, without regard to accents'],
  ['/api/companies/58', 'One company'],
  ['/api/companies/58/logo', 'Its logo, streamed from a file'],
  ['/api/companies.csv', 'All as CSV, streamed row by row'],
  ['/api/search?params={"country":"JP","foundedBefore":1940}', 'A search with JSON in the query'],
  ['/api/companies?page=0', 'What an error looks like'],
  ['/livez', 'Health: the process responds'],
  ['/readyz', 'Health: it may get traffic'],
];

/**
 * The start page.
 *
 * @param asset - makes the URL of a file in public/.
 */
export function homePage(facts: HomeFacts, asset: (name: string) => string): string {
  return `<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>It works</title>
  <link rel="icon" href="${asset('favicon.svg')}" type="image/svg+xml">
  <link rel="stylesheet" href="${asset('style.css')}">
  ${facts.demo ? `<script type="module" src="${asset('app.js')}"></script>` : ''}
</head>
<body>
  <main>
    <h1>It works.</h1>
    <p class="lead">This page is <code>src/features/home</code>. Put yours next to it: <code>docs/add-a-route.md</code> shows how.</p>
    <div class="cards">
      ${card('This process', [
        ['Process', String(facts.pid)],
        ['Cluster worker', facts.worker === undefined ? 'no cluster' : String(facts.worker)],
        ['Up for', `${Math.floor(facts.uptimeSeconds)} s`],
        ['Store', storeState(facts.store)],
      ])}
      ${card('Session', [
        ['Your visits', visits(facts.visits)],
        ['Logged in as', facts.user === undefined ? 'nobody' : escapeHtml(facts.user)],
      ])}
      ${card('Cache', [
        ['State', facts.cache.state],
        ['Made', `${facts.cache.ageSeconds.toFixed(1)} s ago`],
        ['By process', String(facts.cache.pid)],
      ])}
      ${links()}
      ${facts.demo ? demo(facts.demo) : ''}
    </div>
  </main>
</body>
</html>
`;
}

function card(title: string, rows: readonly (readonly [term: string, html: string])[]): string {
  const list = rows.map(([term, html]) => `<dt>${term}</dt><dd>${html}</dd>`).join('');
  return `<section class="card"><h2>${title}</h2><dl>${list}</dl></section>`;
}

function storeState({ kind, up }: HomeFacts['store']): string {
  if (up === undefined) return escapeHtml(kind);
  return `${escapeHtml(kind)}, ${up ? '<span class="good">up</span>' : '<span class="bad">down</span>'}`;
}

function visits(count: HomeFacts['visits']): string {
  if (count === 'away') return '<span class="bad">sessions are away right now</span>';
  return count === 'uncounted' ? 'not counted: too many new sessions from your address' : String(count);
}

function links(): string {
  const items = LINKS.map(([href, text]) => `<li><a href="${escapeHtml(encodeURI(href))}">${text}</a></li>`);
  return `<nav class="card wide" aria-label="Try"><h2>Try</h2><ul>${items.join('')}</ul></nav>`;
}

/** `action` is for browsers without JavaScript (demo.ts), `data-action` is the API, which public/app.js asks. */
function demo({ name, password }: NonNullable<HomeFacts['demo']>): string {
  return `<section class="card wide"><h2>Demo <small>(in development only)</small></h2>
        <form method="post" action="/demo/login" data-action="/api/session" data-method="POST">
          <label>Name <input name="name" value="${escapeHtml(name)}" autocomplete="username" required></label>
          <label>Password <input name="password" type="password" value="${escapeHtml(password)}" autocomplete="current-password" required></label>
          <button>Log in</button>
        </form>
        <form method="post" action="/demo/city" data-action="/api/companies/1" data-method="PATCH">
          <label>City of company 1 <input name="city" value="Cupertino" maxlength="100" required></label>
          <button>Change (needs a session)</button>
        </form>
        <form method="post" action="/demo/logout" data-action="/api/session" data-method="DELETE"><button>Log out</button></form>
        <output id="answer"></output>
      </section>`;
}

// `npm run openapi`: writes the document of the API, or lists the routes that it lacks.
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';

const USAGE = `Writes the document of the API (OpenAPI 3.1) of the routes that are made with endpoint().

  npm run openapi                          writes openapi.json
  npm run openapi -- FILE                  writes FILE; - is the standard output
  npm run openapi -- --check               lists the routes that the document lacks
  npm run openapi -- --check --strict      and exits with 1 where there is one

Nothing is connected to: the app is made with its stores in memory. Exit codes: 0 done, 1 see above, 2 wrong usage.
`;

const OPTIONS = {
  check: { type: 'boolean', default: false },
  strict: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
};

function parse() {
  try {
    return parseArgs({ options: OPTIONS, allowPositionals: true });
  } catch {
    return undefined;
  }
}

const parsed = parse();
if (parsed === undefined || parsed.values.help || parsed.positionals.length > 1) {
  process[parsed?.values.help ? 'stdout' : 'stderr'].write(USAGE);
  process.exitCode = parsed?.values.help ? 0 : 2;
} else process.exitCode = await main(parsed);

async function main({ values, positionals: [file = 'openapi.json'] }) {
  const { document, missing } = await describe();
  if (values.check) {
    for (const one of missing) console.log(`undocumented: ${one}`);
    if (missing.length === 0) console.error('every route is documented');
    return values.strict && missing.length > 0 ? 1 : 0;
  }
  const text = `${JSON.stringify(document, undefined, 2)}\n`;
  if (file === '-') process.stdout.write(text);
  else writeFileSync(file, text);
  return 0;
}

/** Makes the app as a test does, and asks it for its routes. */
async function describe() {
  const load = (name) => import(new URL(`../dist/${name}`, import.meta.url));
  const { loadConfig } = await load('config.js');
  const { createApp } = await load('app.js');
  const { ERRORS } = await load('errors.js');
  const { sessionCookie } = await load('session.js');
  const { APP_NAME, APP_VERSION } = await load('platform/config/index.js');
  const { openApiDocument, undocumented } = await load('platform/openapi/document.js');
  const { routesOf } = await load('platform/http/index.js');
  const { openApp } = await load('platform/lifecycle/index.js');
  const { createLogger } = await load('platform/observability/logger.js');
  const config = loadConfig({ NODE_ENV: 'test', LOG_LEVEL: 'silent', STORE: 'memory' }, '/nonexistent/.env');
  const parts = { config, logger: createLogger(config) };
  const { app, close } = await openApp(parts, createApp, { processMetrics: false });
  const routes = routesOf(app);
  await close(AbortSignal.timeout(5000));
  const options = { title: APP_NAME, version: APP_VERSION, errors: ERRORS, cookie: sessionCookie.name };
  return { document: openApiDocument(routes, options), missing: undocumented(routes) };
}

// `npm run console`: a prompt inside the app, without its port and its jobs.
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { start } from 'node:repl';
import { inspect, parseArgs } from 'node:util';
import { readOnlyStores } from './read-only-stores.mjs';

const USAGE = `A prompt with the app's settings, stores and repositories. It serves no requests and runs no jobs.

  npm run console               in production: read only
  npm run console -- --write    in production, too, with the right to write

At the prompt: config, logger, stores, cache, redis, toolkit, and what features have opened, by name:

  > await companies.get(1)
  > await redis.ttl(config.REDIS_KEY_PREFIX + 'company:1')
  > await cache.purgeTag('companies')

From a pipe, each line is an expression, and the first error ends it with 1; -i makes it a prompt:

  echo 'await redis.dbsize()' | npm run -s console

A database that a feature connects to by itself is not protected. Exit codes: 78 the settings are wrong, 2 wrong usage.
`;

const OPTIONS = {
  write: { type: 'boolean', default: false },
  interactive: { type: 'boolean', short: 'i', default: false },
  help: { type: 'boolean', default: false },
};

function parse() {
  try {
    return parseArgs({ options: OPTIONS }).values;
  } catch {
    return undefined;
  }
}

const options = parse();
if (options === undefined || options.help) {
  (options ? process.stdout : process.stderr).write(USAGE);
  process.exitCode = options ? 0 : 2;
} else {
  const code = await open(options).then(
    () => 0,
    (error) => {
      const isConfig = error.name === 'ConfigError';
      console.error(isConfig ? error.message : error);
      return isConfig ? 78 : 1;
    },
  );
  // What was begun at the prompt need not end by itself.
  process.exit(code);
}

async function open({ interactive: isInteractive, write: mayWrite }) {
  const load = (file) => import(new URL(`../../dist/${file}`, import.meta.url));
  const { loadConfig } = await load('config.js');
  const config = loadConfig();
  const { toolkit } = await load('app.js');
  const { features } = await load('features/index.js');
  const { openApp } = await load('platform/lifecycle/index.js');
  const { createLogger } = await load('platform/observability/logger.js');
  const { default: express } = await import('express');
  const logger = createLogger({ ...config, LOG_LEVEL: 'warn' }, process.stderr);
  const isReadOnly = config.NODE_ENV === 'production' && !mayWrite;
  let context;
  const app = await openApp({ config, logger }, async (parts) => {
    const stores = isReadOnly ? readOnlyStores(parts.stores) : parts.stores;
    const tools = toolkit({ ...parts, stores }, (name) => `/${name}`);
    const opened = await features(express(), tools);
    context = {
      config,
      logger,
      stores,
      cache: stores.cache,
      redis: stores.redis?.client,
      toolkit: tools,
      ...opened,
    };
    return express();
  });

  if (process.stdin.isTTY || isInteractive) {
    console.error(`${Object.keys(context).join(', ')}; to leave: .exit`);
    const repl = start({ prompt: `${config.NODE_ENV}${isReadOnly ? ', read only' : ''}> ` });
    Object.assign(repl.context, context);
    await once(repl, 'exit');
  } else await evaluateLines(context);
  await app.close(AbortSignal.timeout(5000));
}

/** Prints what each line of a pipe returns. The first error ends it. */
async function evaluateLines(context) {
  const AsyncFunction = (async () => undefined).constructor;
  for await (const line of createInterface({ input: process.stdin })) {
    const expression = line.trim().replace(/;$/, '');
    if (expression === '') continue;
    const evaluate = new AsyncFunction(...Object.keys(context), `return (${expression}\n)`);
    console.log(inspect(await evaluate(...Object.values(context)), { depth: 5 }));
  }
}

// `npm run console`: a prompt inside the app, without its port and its jobs.
import { start } from 'node:repl';
import { parseArgs } from 'node:util';
import { readOnlyStores } from './read-only-stores.mjs';

const USAGE = `A prompt with the app's settings, stores and repositories. It serves no requests and runs no jobs.

  npm run console               in production: read only
  npm run console -- --write    in production, too, with the right to write

At the prompt: config, logger, stores, cache, redis, toolkit, and what features have opened, by name:

  > await companies.get(1)
  > await redis.ttl(config.REDIS_KEY_PREFIX + 'company:1')
  > await cache.purgeTag('companies')

A database that a feature connects to by itself is not protected. Exit codes: 78 the settings are wrong, 2 wrong usage.
`;

function parse() {
  try {
    return parseArgs({ options: { write: { type: 'boolean' }, help: { type: 'boolean' } } }).values;
  } catch {
    return undefined;
  }
}

const options = parse();
if (options === undefined || options.help) {
  (options ? process.stdout : process.stderr).write(USAGE);
  process.exitCode = options ? 0 : 2;
} else {
  await open(options.write ?? false).catch((error) => {
    console.error(error.name === 'ConfigError' ? error.message : error);
    process.exit(error.name === 'ConfigError' ? 78 : 1);
  });
}

async function open(mayWrite) {
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

  console.error(`${Object.keys(context).join(', ')}; to leave: .exit`);
  const repl = start({ prompt: `${config.NODE_ENV}${isReadOnly ? ', read only' : ''}> ` });
  Object.assign(repl.context, context);
  const idle = whenIdle(repl);
  repl.on('exit', async () => {
    // At a terminal, Ctrl-C twice also leaves what does not end.
    if (!process.stdin.isTTY) await idle();
    await app.close(AbortSignal.timeout(5000));
    process.exit();
  });
}

/** A pipe ends before what came through it is done: `echo 'await redis.ping()' | npm run console`. */
function whenIdle(repl) {
  const evaluate = repl.eval;
  let last = Promise.resolve();
  repl.eval = (code, context, file, done) => {
    last = last.then(
      () =>
        new Promise((resolve) => {
          evaluate.call(repl, code, context, file, (...results) => {
            done(...results);
            resolve();
          });
        }),
    );
  };
  return async () => last;
}

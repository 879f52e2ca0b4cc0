// The packages that most use, with their defaults.

/** By name: adds it to a stack. */
const usual = {
  cors: async ({ use }) => {
    const { default: cors } = await import('cors');
    use(cors());
  },
  helmet: async ({ use }) => {
    const { default: helmet } = await import('helmet');
    use(helmet());
  },
  'pino-http': async ({ use }) => {
    const { pinoHttp } = await import('pino-http');
    use(pinoHttp());
  },
  compression: async ({ use }) => {
    const { default: compression } = await import('compression');
    use(compression());
  },
  'express-session': async ({ use, prove }) => {
    const { default: session } = await import('express-session');
    const store = await openStore();
    use(session({ secret: 'bench', resave: false, saveUninitialized: false, store }));
    prove((req) => (store ? req.session.user?.name === 'ada' : req.session !== undefined));
  },
};

/** Adds packages to a stack of bench/servers/layers.mjs. */
export async function addUsual(names, stack) {
  for (const name of names) await usual[name](stack);
}

/** undefined is express-session's own, in memory. */
async function openStore() {
  const { REDIS_URL } = process.env;
  if (!REDIS_URL) return undefined;
  const { RedisStore } = await import('connect-redis');
  const { Redis } = await import('ioredis');
  return new RedisStore({ client: new Redis(REDIS_URL) });
}

// Fastify with the packages that its documentation names. Its own log has two lines per request; FASTIFY_LINES=1 is one.
import Fastify, { LogController } from 'fastify';
import compress from '@fastify/compress';
import cookie from '@fastify/cookie';
import helmet from '@fastify/helmet';
import session from '@fastify/session';
import { hello, list } from '../../payloads.mjs';
import { redisStore } from './redis-store.mjs';

const isOneLine = process.env.FASTIFY_LINES === '1';
const app = Fastify({
  logger: true,
  trustProxy: true,
  ...(isOneLine && { logController: new LogController({ disableRequestLogging: true }) }),
});
await app.register(helmet);
await app.register(compress);
if (isOneLine) {
  app.addHook('onResponse', (req, res, done) => {
    req.log.info({ req, res, responseTime: res.elapsedTime }, 'request completed');
    done();
  });
}
app.get('/bench/hello', () => hello());
app.get('/bench/list', () => list());

await app.register(async (scope) => {
  await scope.register(cookie);
  await scope.register(session, {
    secret: 'a secret of at least 32 characters for the benchmark',
    saveUninitialized: false,
    cookie: { secure: false },
    ...(process.env.REDIS_URL && { store: await redisStore() }),
  });
  scope.get('/bench/login', (req) => {
    req.session.user = { id: '1', name: 'ada' };
    return { user: req.session.user };
  });
  scope.get('/bench/session', (req) => ({ user: req.session.user }));
});
await app.listen({ port: Number(process.env.PORT), host: '127.0.0.1' });

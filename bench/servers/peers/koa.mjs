// Koa with the packages that its list of middleware names.
import Koa from 'koa';
import Router from '@koa/router';
import compress from 'koa-compress';
import helmet from 'koa-helmet';
import logger from 'koa-pino-logger';
import session from 'koa-session';
import { hello, list } from '../../payloads.mjs';
import { redisStore } from './redis-store.mjs';

const app = new Koa({ proxy: true, keys: ['a key of the benchmark'] });
app.use(logger());
app.use(helmet());
app.use(compress());

const router = new Router();
router.get('/bench/hello', (ctx) => {
  ctx.body = hello();
});
router.get('/bench/list', (ctx) => {
  ctx.body = list();
});
const withSession = session({ store: await store() }, app);
router.get('/bench/login', withSession, (ctx) => {
  ctx.session.user = { id: '1', name: 'ada' };
  ctx.body = { user: ctx.session.user };
});
router.get('/bench/session', withSession, (ctx) => {
  ctx.body = { user: ctx.session.user };
});
app.use(router.routes());
app.use(router.allowedMethods());
app.listen(Number(process.env.PORT), '127.0.0.1');

/** connect-redis behind the interface of koa-session. */
async function store() {
  if (!process.env.REDIS_URL) return undefined;
  const redis = await redisStore();
  return {
    get: (id) => redis.get(id),
    set: (id, value) => redis.set(id, { ...value, cookie: {} }),
    destroy: (id) => redis.destroy(id),
  };
}

// The stack as everyone mounts it: the four packages with their defaults, for every route.
import compression from 'compression';
import express from 'express';
import session from 'express-session';
import helmet from 'helmet';
import { pinoHttp } from 'pino-http';
import { hello, list } from '../payloads.mjs';

const app = express();
app.use(helmet());
app.use(pinoHttp());
app.use(compression());
app.use(session({ secret: 'bench', resave: false, saveUninitialized: false, store: await store() }));

app.get('/bench/hello', (_req, res) => {
  res.json(hello());
});
app.get('/bench/list', (_req, res) => {
  res.json(list());
});
app.get('/bench/login', (req, res) => {
  req.session.user = { id: '1', name: 'ada' };
  res.json({ user: req.session.user });
});
app.get('/bench/session', (req, res) => {
  res.json({ user: req.session.user });
});
app.listen(Number(process.env.PORT), '127.0.0.1');

async function store() {
  if (!process.env.REDIS_URL) return undefined;
  const { RedisStore } = await import('connect-redis');
  const { Redis } = await import('ioredis');
  return new RedisStore({ client: new Redis(process.env.REDIS_URL) });
}

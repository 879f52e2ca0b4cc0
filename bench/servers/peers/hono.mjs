// Hono on Node with its own middleware, and hono-pino from its list of others. It has no sessions in Redis of its own.
import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import { compress } from 'hono/compress';
import { requestId } from 'hono/request-id';
import { secureHeaders } from 'hono/secure-headers';
import { pinoLogger } from 'hono-pino';
import { hello, list } from '../../payloads.mjs';

const app = new Hono();
app.use(requestId());
app.use(pinoLogger());
app.use(secureHeaders());
// Mounted for all, it would compress each small response as well: without a Content-Length its threshold has no effect.
app.use('/bench/list', compress());
app.get('/bench/hello', (c) => c.json(hello()));
app.get('/bench/list', (c) => c.json(list()));
serve({ fetch: app.fetch, port: Number(process.env.PORT), hostname: '127.0.0.1' });

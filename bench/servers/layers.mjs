// Express with the layers of this template that LAYERS names, and then the packages that PACKAGES does: with commas, in the
// order in which requests pass them. Without either it is bare Express.
// They are measured on /bench/hello; the other routes are for what the harness must know before that.
import { createServer } from 'node:http';
import express from 'express';
import { hello, list } from '../payloads.mjs';

const { LAYERS, PACKAGES, PORT } = process.env;
const app = express();
const proofs = [];

/** What a layer may change. One that does not show in its answers proves to a request for /bench/proof that it is there. */
const stack = {
  app,
  use: (handler) => app.use(handler),
  mount: (path, handler) => app.get(path, handler),
  decorate: (handler) => handler,
  createServer: () => createServer(app),
  onServer: () => undefined,
  prove: (proof) => proofs.push(proof),
};
if (LAYERS) {
  const { addOwn } = await import('./layers-own.mjs');
  await addOwn(LAYERS.split(','), stack);
}
if (PACKAGES) {
  const { addUsual } = await import('./layers-usual.mjs');
  await addUsual(PACKAGES.split(','), stack);
}

const routes = {
  '/bench/hello': (_req, res) => {
    res.json(hello());
  },
  '/bench/list': (_req, res) => {
    res.json(list());
  },
  '/bench/login': (req, res) => {
    req.session.user = { id: '1', name: 'ada' };
    res.json({ user: req.session.user });
  },
  '/bench/proof': (req, res, context) => {
    const isProven = proofs.length > 0 && proofs.every((proof) => proof(req, context));
    res.status(isProven ? 200 : 404).json({ isProven });
  },
};
for (const [path, handler] of Object.entries(routes)) stack.mount(path, stack.decorate(handler));
const server = stack.createServer();
stack.onServer(server);
server.listen(Number(PORT), '127.0.0.1');
// By itself it would end without the last lines of its log.
process.on('SIGTERM', () => process.exit());

// Bare Express with many routes, in routers as this template's features have them.
import express from 'express';
import { hello } from '../payloads.mjs';
import { addManyRoutes } from './many-routes.mjs';

const app = express();
const bench = express.Router();
addManyRoutes(
  bench,
  () => express.Router(),
  (router, path) => {
    router.get(path, (_req, res) => {
      res.json(hello());
    });
  },
);
app.use('/bench', bench);
app.listen(Number(process.env.PORT), '127.0.0.1');

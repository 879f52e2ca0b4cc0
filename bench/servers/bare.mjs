// Bare Express 5, as its "hello world" has it: the 1 of every ratio.
import express from 'express';
import { hello, list } from '../payloads.mjs';

const app = express();
app.get('/bench/hello', (_req, res) => {
  res.json(hello());
});
app.get('/bench/list', (_req, res) => {
  res.json(list());
});
app.listen(Number(process.env.PORT), '127.0.0.1');

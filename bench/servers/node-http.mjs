// The floor: Node's own server, and nothing else.
import { createServer } from 'node:http';
import { hello } from '../payloads.mjs';

createServer((_req, res) => {
  const body = JSON.stringify(hello());
  res.writeHead(200, {
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': Buffer.byteLength(body),
  });
  res.end(body);
}).listen(Number(process.env.PORT), '127.0.0.1');

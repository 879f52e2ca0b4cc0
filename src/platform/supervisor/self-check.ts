import type { Server } from 'node:http';
// eslint-disable-next-line n/no-unsupported-features/node-builtins -- only Node 21, long out of support, lacks it
import { duplexPair } from 'node:stream';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';

const RETRY_MS = 100;

/**
 * Resolves when the server answers its own /livez with 200, however long that takes; whoever waits has a deadline. Not
 * /readyz, which may depend on Redis: a new worker would fix nothing about that, and none would be left for what goes
 * without.
 *
 * The request comes over a pair of streams, not over the port: behind a cluster's port another worker might answer.
 */
export async function answers(server: Server): Promise<void> {
  while ((await statusOf(server, '/livez')) !== '200') await sleep(RETRY_MS);
}

async function statusOf(server: Server, path: string): Promise<string | undefined> {
  const [client, serverSide] = duplexPair();
  server.emit('connection', serverSide);
  client.end(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
  return (await text(client)).split(' ', 2)[1];
}

import type { Socket } from 'node:net';
import { hostName, isLoopback } from '../config/addresses.ts';
import type { PlatformConfig } from '../config/settings.ts';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from './node-http.ts';
import { RETRY_LATER, type AdminAccess } from './admin-access.ts';

/** One process's registry, or the sum of a cluster's workers. */
export interface MetricsSource {
  readonly contentType: string;
  metrics(): Promise<string>;
}

/**
 * Serves all paths but `/metrics`, once the Host was checked.
 *
 * @param keep - to be called where the client has shown the token: its connection then is not closed for newer ones.
 */
export type AdminHandler = (req: IncomingMessage, res: ServerResponse, keep: () => void) => void;

/** More connections than a scraper and some browsers open. */
const MAX_OPEN = 256;

/** From the connection to the whole request, and between two requests, in milliseconds. */
const RECEIVE_MS = 10_000;
const IDLE_MS = 5000;

/**
 * Serves `/metrics` for Prometheus, and what `handler` does, on a port of its own that is not for the public. It responds
 * to loopback, ADMIN_HOST and ADMIN_ALLOWED_HOSTS only: a page of any site can have its own name resolved to this machine's
 * address, and would then read what its visitor's browser can reach (DNS rebinding).
 *
 * On loopback `/metrics` is open; where others can connect, it needs the token.
 */
export function createAdminServer(
  source: MetricsSource,
  { ADMIN_HOST, ADMIN_ALLOWED_HOSTS }: Pick<PlatformConfig, 'ADMIN_HOST' | 'ADMIN_ALLOWED_HOSTS'>,
  access: AdminAccess,
  handler: AdminHandler = notFound,
): Server {
  const allowed = new Set([ADMIN_HOST, ...ADMIN_ALLOWED_HOSTS].map(hostName));
  const needsToken = !isLoopback(ADMIN_HOST);
  const times = { headersTimeout: RECEIVE_MS, requestTimeout: RECEIVE_MS, keepAliveTimeout: IDLE_MS };
  const server = createServer({ ...times, connectionsCheckingInterval: 1000 }, (req, res) => {
    // Several Host headers: each program may read another one.
    const { host = [] } = req.headersDistinct;
    const name = host.length === 1 ? hostName(host[0] ?? '') : undefined;
    if (name === undefined || !(isLoopback(name) || allowed.has(name))) {
      sendText(res, 421, 'This server does not serve that Host. Add its name to ADMIN_ALLOWED_HOSTS.');
    } else if (req.url?.split('?', 1)[0] !== '/metrics' || req.method !== 'GET') {
      handler(req, res, () => open.delete(req.socket));
    } else if (!needsToken || mayRead(req, res, access)) {
      source.metrics().then(
        (text) => res.writeHead(200, { 'Content-Type': source.contentType }).end(text),
        () => res.writeHead(500).end(),
      );
    }
  });
  const open = closeOldest(server);
  return server;
}

/** Refuses those without the token. */
function mayRead(req: IncomingMessage, res: ServerResponse, access: AdminAccess): boolean {
  const check = access.checkBearer(req);
  if (check === 'right') return true;
  if (check === 'limited') sendText(res, 429, 'Too many wrong tokens; try again in a minute.', RETRY_LATER);
  else sendText(res, 401, 'Send ADMIN_TOKEN: Authorization: Bearer …', { 'WWW-Authenticate': 'Bearer' });
  return false;
}

/** Whoever opens connections and sends nothing must not keep others out: the newest ones stay. */
function closeOldest(server: Server): Set<Socket> {
  const open = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    open.add(socket);
    socket.on('close', () => open.delete(socket));
    const [oldest] = open;
    if (open.size > MAX_OPEN) oldest?.destroy();
  });
  return open;
}

function notFound(_req: IncomingMessage, res: ServerResponse): void {
  res.writeHead(404).end();
}

function sendText(
  res: ServerResponse,
  status: number,
  text: string,
  headers: Record<string, string> = {},
): void {
  res.writeHead(status, { 'Content-Type': 'text/plain', ...headers }).end(`${text}\n`);
}

import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { basename } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { AdminHandler } from '../observability/admin.ts';
import { RETRY_LATER, type AdminAccess } from '../observability/admin-access.ts';
import type { Logger } from '../observability/logger.ts';
import { describe } from '../observability/plain.ts';
import { ACTIONS, type ActionName, type Facts } from './contract.ts';
import { callerOf, cookieName, isForeign, isOwnAction, SECURITY_HEADERS, type Caller } from './guard.ts';
import { loginPage, type PageFile } from './page.ts';
import type { Streams } from './streams.ts';

export interface HandlerOptions {
  readonly access: AdminAccess;
  readonly logger: Logger;
  readonly facts: Facts;
  readonly files: ReadonlyMap<string, PageFile>;
  readonly streams: Streams;
  /** The first events of a stream. */
  readonly firstEvents: () => Readonly<Record<string, unknown>>;
  readonly run: (action: ActionName, args: readonly string[]) => unknown;
}

const MAX_BODY = 4096;

/** A download on which nothing moves is cut, in milliseconds. */
const DOWNLOAD_IDLE_MS = 30_000;

/** The last ones that can be downloaded. */
const MAX_FILES = 100;

/** What the arguments of each action are called, in the order that the commands of `npm run ctl` take them. */
const ARGUMENTS: Readonly<Record<ActionName, readonly string[]>> = {
  reload: [],
  scale: ['count'],
  'log-level': ['level'],
  recycle: ['slot'],
  'cpu-profile': ['slot', 'seconds'],
  'heap-sample': ['slot', 'seconds'],
  'heap-snapshot': ['slot'],
};

/** A response with this status and sentence. */
class Refusal extends Error {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message);
    this.status = status;
    this.headers = headers;
  }
}

const LIMITED = new Refusal(429, 'Too many wrong tokens. Try again in a minute.', RETRY_LATER);
const NOT_FOUND = new Refusal(404, 'There is nothing here.');

const FULL = new Refusal(503, 'Too many pages are open, or the app is stopping.', { 'Retry-After': '10' });

const FOREIGN = new Refusal(403, 'Refused: another page sent this. Open the address in a tab of its own.');

/** Serves the page, its events and its actions, to those who have the token. */
export function createHandler(options: HandlerOptions): AdminHandler {
  /** What actions have made: the path by the name. */
  const made = new Map<string, string>();
  return (req, res, keep) => {
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) res.setHeader(name, value);
    respond(req, res, { ...options, made, keep }).catch((error: unknown) => {
      fail(res, error, req.url?.startsWith('/actions/') ?? false, options.logger);
    });
  };
}

/** A request, once it is known what it is for. */
interface Call extends HandlerOptions {
  readonly made: Map<string, string>;
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  /** What stands behind the area: the name of a file or an action. */
  readonly name: string;
  readonly query: URLSearchParams;
  readonly caller: Caller;
}

interface Area {
  readonly methods: readonly string[];
  readonly isNamed?: true;
  /** Also for those without the token: it has no data of the app. */
  readonly isPublic?: true;
  readonly serve: (call: Call) => unknown;
}

const AREAS: Readonly<Record<string, Area>> = {
  '': { methods: ['GET'], serve: sendPage },
  page: { methods: ['GET'], isNamed: true, isPublic: true, serve: sendPageFile },
  login: { methods: ['GET', 'POST'], isPublic: true, serve: logIn },
  logout: { methods: ['POST'], serve: logOut },
  events: { methods: ['GET'], serve: watch },
  files: { methods: ['GET'], isNamed: true, serve: sendMade },
  actions: { methods: ['POST'], isNamed: true, serve: act },
};

async function respond(
  req: IncomingMessage,
  res: ServerResponse,
  context: HandlerOptions & Pick<Call, 'made'> & { readonly keep: () => void },
): Promise<void> {
  const url = URL.canParse(req.url ?? '', 'http://admin')
    ? new URL(req.url ?? '', 'http://admin')
    : undefined;
  const [, area = '', name = '', ...rest] = url?.pathname.split('/') ?? [];
  const found = Object.hasOwn(AREAS, area) ? AREAS[area] : undefined;
  // A link from elsewhere may lead to the page itself, and to nothing else.
  if (isForeign(req) && (area !== '' || name !== '')) throw FOREIGN;
  const caller = found?.isPublic ? undefined : callerOf(req, context.access);
  if (caller === 'limited') throw LIMITED;
  if (!found?.isPublic && caller === undefined && url?.pathname !== '/') {
    throw new Refusal(401, 'Log in first.', { 'WWW-Authenticate': 'Bearer' });
  }
  if (!found || !url || rest.length > 0 || (name !== '' && !found.isNamed)) throw NOT_FOUND;
  const allowed = found.methods.join(', ');
  if (!found.methods.includes(req.method ?? ''))
    throw new Refusal(405, `Use ${allowed}.`, { Allow: allowed });
  if (caller !== undefined) context.keep();
  await found.serve({ ...context, req, res, name, query: url.searchParams, caller });
}

function fail(res: ServerResponse, error: unknown, isAction: boolean, logger: Logger): void {
  // The client has left, or has a part of the response.
  if (res.headersSent || res.destroyed) {
    res.destroy();
    return;
  }
  const { status, message, headers } =
    error instanceof Refusal
      ? error
      : { status: 500, message: 'This failed; the log has the reason.', headers: {} };
  if (status === 500) logger.error({ err: error }, 'cannot serve the operations page');
  // What is left of a body that is too large: the client may send all of it before it reads the response.
  res.req.resume();
  for (const [name, value] of Object.entries(headers)) res.setHeader(name, value);
  if (isAction) sendJson(res, status, { ok: false, error: message });
  else send(res, status, 'text/plain; charset=utf-8', `${message}\n`);
}

function send(res: ServerResponse, status: number, type: string, body: string | Buffer): void {
  res.writeHead(status, { 'Content-Type': type, 'Content-Length': Buffer.byteLength(body) }).end(body);
}

function sendJson(res: ServerResponse, status: number, value: unknown): void {
  send(res, status, 'application/json', JSON.stringify(value));
}

function sendLogin(res: ServerResponse, status: number, message: string): void {
  send(res, status, 'text/html; charset=utf-8', loginPage(message));
}

function sendPage(call: Call): void {
  if (call.caller === undefined) sendLogin(call.res, 401, 'Log in with the token.');
  else sendPageFile({ ...call, name: 'index.html' });
}

function sendPageFile({ res, files, name }: Call): void {
  const file = files.get(name);
  if (!file) throw NOT_FOUND;
  send(res, 200, file.type, file.body);
}

async function logIn({ req, res, query, access, logger }: Call): Promise<void> {
  const fields = req.method === 'POST' ? new URLSearchParams(await readBody(req)) : query;
  const token = fields.get('token');
  const remote = req.socket.remoteAddress ?? '';
  const outcome = token === null ? undefined : access.checkToken(token.trim(), remote);
  if (outcome === 'limited') throw LIMITED;
  if (outcome !== undefined) logger.info({ remote, outcome }, 'operations: login');
  if (outcome === 'right') setCookie(req, res, access.cookie);
  if (outcome === 'wrong') sendLogin(res, 401, 'This is not the token.');
  else redirect(res);
}

function logOut({ req, res }: Call): void {
  setCookie(req, res, '', '; Max-Age=0');
  redirect(res);
}

function redirect(res: ServerResponse): void {
  res.writeHead(303, { Location: '/' }).end();
}

/** Without an end of its own: the browser's, or the next start. */
function setCookie(req: IncomingMessage, res: ServerResponse, value: string, more = ''): void {
  res.setHeader('Set-Cookie', `${cookieName(req)}=${value}; HttpOnly; SameSite=Strict; Path=/${more}`);
}

function watch({ res, streams, firstEvents }: Call): void {
  if (streams.isFull) throw FULL;
  streams.add(res, firstEvents());
}

async function sendMade({ req, res, made, name }: Call): Promise<void> {
  const path = made.get(name);
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW;
  const file = path === undefined ? undefined : await open(path, flags).catch(() => undefined);
  if (!file) throw NOT_FOUND;
  const { size } = await file.stat();
  req.socket.setTimeout(DOWNLOAD_IDLE_MS, () => req.socket.destroy());
  res.writeHead(200, {
    'Content-Type': 'application/octet-stream',
    'Content-Length': size,
    'Content-Disposition': `attachment; filename="${name}"`,
  });
  await pipeline(file.createReadStream({ end: Math.max(0, size - 1) }), res);
}

async function act({ req, res, name, caller, facts, logger, made, run }: Call): Promise<void> {
  const action = ACTIONS.find((known) => known === name);
  if (action === undefined) throw NOT_FOUND;
  if (!isOwnAction(req, caller)) throw FOREIGN;
  const isJson = /^application\/json *(?:;|$)/i.test(req.headers['content-type'] ?? '');
  if (!isJson) throw new Refusal(415, 'Send JSON.');
  const args = argumentsOf(action, await readBody(req));
  const { available, reason = '' } = facts.actions[action];
  if (!available) throw new Refusal(409, reason);
  const line = { action, args, remote: req.socket.remoteAddress, caller };
  // Before it is done: it may set the level below which there are no lines.
  logger.warn(line, 'operations: action');
  try {
    const result = (await run(action, args)) as { readonly file?: string };
    logger.info({ ...line, outcome: 'done' }, 'operations: action ended');
    const { file } = result;
    if (file !== undefined) remember(made, file);
    sendJson(res, 200, {
      ok: true,
      result: file === undefined ? result : { ...result, file: basename(file) },
    });
  } catch (error) {
    const outcome = describe(error);
    logger.warn({ ...line, outcome }, 'operations: action ended');
    const { message, name: kind } = error as Error;
    // It was understood and tried: no error of HTTP, which a browser would log.
    sendJson(res, kind === 'UsageError' ? 400 : 200, { ok: false, error: message });
  }
}

function remember(made: Map<string, string>, file: string): void {
  made.set(basename(file), file);
  const [oldest = ''] = made.keys();
  if (made.size > MAX_FILES) made.delete(oldest);
}

function argumentsOf(action: ActionName, text: string): string[] {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    throw new Refusal(400, 'The body is not valid JSON.');
  }
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw new Refusal(400, 'Send a JSON object.');
  const fields = body as Readonly<Record<string, unknown>>;
  const given = ARGUMENTS[action].map((name) => fields[name]);
  const isGiven = given.map((value) => typeof value === 'string' || typeof value === 'number');
  const missing = ARGUMENTS[action].find((_name, i) => !isGiven[i] && isGiven.includes(true, i));
  if (missing !== undefined) throw new Refusal(400, `${missing} is missing.`);
  return given.filter((_value, i) => isGiven[i]).map(String);
}

async function readBody(req: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of req.iterator({ destroyOnReturn: false })) {
    chunks.push(chunk as Buffer);
    size += (chunk as Buffer).length;
    if (size > MAX_BODY) throw new Refusal(413, `The body is longer than ${MAX_BODY} bytes.`);
  }
  return Buffer.concat(chunks).toString();
}

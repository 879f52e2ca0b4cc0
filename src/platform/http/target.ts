import type { IncomingMessage } from 'node:http';
import parseUrl from 'parseurl';

/** The scheme and the host of a target in absolute form. */
const ABSOLUTE = /^https?:\/\/(?<host>[^/?#]*)/i;

/**
 * Turns the target of a request into a path, which all middleware expects: clients may also send the whole URL
 * (`GET http://host/path`), and its host then replaces the Host header.
 *
 * @returns whether the target can be read. Express's routers would skip all middleware for one that cannot.
 * @see https://www.rfc-editor.org/rfc/rfc9112#section-3.2.2
 */
export function readTarget(req: IncomingMessage): boolean {
  const target = req.url ?? '';
  if (!target.startsWith('/') && target !== '*' && !toPath(req, target)) return false;
  try {
    // The routers use the same parser, and its cached result.
    return typeof parseUrl(req)?.pathname === 'string';
  } catch {
    return false;
  }
}

function toPath(req: IncomingMessage, target: string): boolean {
  const match = ABSOLUTE.exec(target);
  const host = match?.groups?.host;
  // A user name in it only serves to hide where a link leads.
  if (!match || !host || host.includes('@') || !URL.canParse(match[0])) return false;
  const rest = target.slice(match[0].length);
  req.url = rest.startsWith('/') ? rest : `/${rest}`;
  // HTTP/1.1 requires a Host header with a whole URL, too: a missing one stays missing, and is a 400.
  if (req.headers.host !== undefined || req.httpVersionMinor === 0) req.headers.host = host;
  return true;
}

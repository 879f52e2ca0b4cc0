import type { IncomingMessage } from 'node:http';
import parseUrl from 'parseurl';

/** What comes before the path of a target in absolute form, and the host in it. */
const ABSOLUTE = /^https?:\/\/(?<host>[^/?#]*)/i;

/**
 * Brings the target of a request into the one form that all middleware expects, a path: clients may also send the
 * whole URL (`GET http://host/path`), and its host then counts in place of the Host header's.
 *
 * @returns whether the target can be read. One that can't would pass Express's routers without being seen by any
 *   middleware.
 * @see https://www.rfc-editor.org/rfc/rfc9112#section-3.2.2
 */
export function readTarget(req: IncomingMessage): boolean {
  const target = req.url ?? '';
  if (!target.startsWith('/') && target !== '*' && !toPath(req, target)) return false;
  try {
    // As the routers do it: they find what it has found.
    return typeof parseUrl(req)?.pathname === 'string';
  } catch {
    return false;
  }
}

function toPath(req: IncomingMessage, target: string): boolean {
  const match = ABSOLUTE.exec(target);
  const host = match?.groups?.host;
  // Nobody has a use for a user name in it but who wants to hide where a link leads.
  if (!match || !host || host.includes('@') || !URL.canParse(match[0])) return false;
  const rest = target.slice(match[0].length);
  req.url = rest.startsWith('/') ? rest : `/${rest}`;
  // One that is missing stays so: HTTP/1.1 requires it all the same.
  if (req.headers.host !== undefined || req.httpVersionMinor === 0) req.headers.host = host;
  return true;
}

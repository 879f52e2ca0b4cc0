import type { Request, RequestHandler } from 'express';
import { HttpError } from '../errors.ts';

/** Rejects what no honest client sends, before anything downstream has to handle it. */
export function wellFormed(): RequestHandler {
  return (req, _res, next) => {
    // A % that starts no UTF-8 character throws a URIError, which is a 400.
    if (req.url.includes('%')) decodeURIComponent(req.url);
    assertHost(req);
    next();
  };
}

/** A name or an address, and a port; not what else fits into a URL: `user@`, a path, white space. */
const HOST = /^(?:\[[\da-f:.]+\]|[^\s/?#@:[\]\\"'<>^`{|}\u0080-\uffff]*)(?::\d{0,5})?$/i;

/**
 * Links, redirects and cache keys contain it, and each program on the way may choose another one of two hosts.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9112#section-3.2 each of these must be a 400
 */
function assertHost({ headers: { host }, httpVersionMinor, rawHeaders }: Request): void {
  if (host === undefined) {
    if (httpVersionMinor === 0) return;
    throw new HttpError('BAD_REQUEST', { detail: 'The Host header is missing.' });
  }
  if (!HOST.test(host)) throw new HttpError('BAD_REQUEST', { detail: 'The Host header is not valid.' });
  const isHost = (name: string, index: number) => index % 2 === 0 && name.length === 4 && /host/i.test(name);
  if (rawHeaders.filter(isHost).length > 1)
    throw new HttpError('BAD_REQUEST', { detail: 'There are several Host headers.' });
}

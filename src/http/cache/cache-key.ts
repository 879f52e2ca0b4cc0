import type { Request } from 'express';

/**
 * The key of a cached answer: everything of the request its handler can see. HEAD shares its key with GET.
 *
 * Scheme and host are in it, so that an answer with absolute links in it goes to those alone who asked under that name.
 * The raw Host too: behind a proxy, `req.host` is what X-Forwarded-Host says. No part can contain the line feed between
 * them, so no two requests share a key by tricks.
 *
 * @param vary - the names of request headers that the handler reads, in lower case.
 */
export function responseKey(req: Request, vary: readonly string[]): string {
  const { host = '', 'x-forwarded-host': forwarded } = req.headers;
  // Express says undefined for a request without a Host.
  const seen = forwarded === undefined ? host : ((req.host as string | undefined) ?? '');
  const rawHost = seen === host ? '' : `\nhost: ${host}`;
  let key = `GET ${req.protocol}://${seen}${rawHost}\n${sortQuery(req.originalUrl)}`;
  for (const name of vary) {
    const value = req.headers[name];
    if (value !== undefined) key += `\n${name}: ${String(value)}`;
  }
  return key;
}

/** `?b=1&a=2` and `?a=2&b=1` are one. Parameters of the same name keep their order, which a handler sees. */
function sortQuery(url: string): string {
  const mark = url.indexOf('?');
  if (mark === -1 || !url.includes('&', mark)) return url;
  const pairs = url
    .slice(mark + 1)
    .split('&')
    .map((pair) => [nameOf(pair), pair] as const);
  // %61 and [0] may be another way to write a name that is there: then the order might matter.
  if (pairs.some(([name]) => /[%+[\].]/.test(name))) return url;
  pairs.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return `${url.slice(0, mark)}?${pairs.map(([, pair]) => pair).join('&')}`;
}

function nameOf(pair: string): string {
  return pair.split('=', 1)[0] ?? '';
}

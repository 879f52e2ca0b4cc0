import type { IncomingMessage } from 'node:http';
import type { AdminAccess, TokenCheck } from '../observability/admin-access.ts';

/** On every response of the page: nothing from elsewhere, in nobody's frame, kept nowhere. */
export const SECURITY_HEADERS = {
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cache-Control': 'no-store',
};

/** Who sent a request: a browser that is logged in, a program with the token, or neither. */
export type Caller = 'cookie' | 'bearer' | 'limited' | undefined;

export function callerOf(req: IncomingMessage, access: AdminAccess): Caller {
  const bearer: TokenCheck | undefined = access.checkBearer(req);
  if (bearer !== undefined)
    return bearer === 'right' ? 'bearer' : bearer === 'limited' ? 'limited' : undefined;
  const values = cookiesOf(req).filter(([name]) => name === cookieName(req));
  return values.some(([, value = '']) => access.isCookie(value)) ? 'cookie' : undefined;
}

/** Cookies are for all ports of a host: each app, and each tunnel to one, has a name of its own. */
export function cookieName({ headers }: IncomingMessage): string {
  return `operations-${/:(\d+)$/.exec(headers.host ?? '')?.[1] ?? '80'}`;
}

/** Whether a browser says that another site, or another port of this host, sent it. */
export function isForeign({ headers }: IncomingMessage): boolean {
  const site = headers['sec-fetch-site'];
  return site !== undefined && site !== 'same-origin' && site !== 'none';
}

/**
 * Whether a request that changes something was sent by our own page, or by a program. A browser's cookie goes along with
 * what other pages send, so a request that has one must name its origin; a page elsewhere does not have the token.
 */
export function isOwnAction(req: IncomingMessage, caller: Caller): boolean {
  const { origin, host, 'sec-fetch-site': site } = req.headers;
  if (origin === undefined && site === undefined) return caller === 'bearer';
  const isOwnOrigin = origin !== undefined && URL.canParse(origin) && new URL(origin).host === host;
  if (caller === 'bearer')
    return (origin === undefined || isOwnOrigin) && (site ?? 'same-origin') === 'same-origin';
  return isOwnOrigin && site === 'same-origin';
}

function cookiesOf({ headers }: IncomingMessage): (readonly [name: string, value?: string])[] {
  return (headers.cookie ?? '').split(';').map((pair) => pair.trim().split('=', 2) as [string, string?]);
}

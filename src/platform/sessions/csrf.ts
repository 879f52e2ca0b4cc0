import type { Request, RequestHandler } from 'express';
import { HttpError } from '../http/errors.ts';
import { guard } from '../http/guard.ts';

const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * Refuses unsafe methods that come from another site's page, by headers that the browser sets and no page can change:
 * Sec-Fetch-Site, and Origin where an old browser does not send that. Needs no token, and complements the cookie's
 * SameSite=Lax. GET, HEAD and OPTIONS pass, but for upgrades: they must not change anything.
 *
 * @param options.allowedOrigins - origins of other sites whose pages may send unsafe requests.
 * @throws {HttpError} CROSS_SITE_REQUEST
 * @see https://cheatsheetseries.owasp.org/cheatsheets/Cross-Site_Request_Forgery_Prevention_Cheat_Sheet.html#fetch-metadata-headers
 */
export function csrf({ allowedOrigins = [] }: { allowedOrigins?: readonly string[] } = {}): RequestHandler {
  const allowed = new Set(allowedOrigins);
  const check: RequestHandler = (req, _res, next) => {
    const isSafe = SAFE_METHODS.has(req.method) && req.upgradeHead === undefined;
    if (!isSafe && !isFromHere(req) && !allowed.has(req.headers.origin ?? '')) {
      throw new HttpError('CROSS_SITE_REQUEST', {
        detail:
          'Requests that change something, and WebSockets, must come from a page of this site, or of one in CORS_ORIGINS.',
      });
    }
    next();
  };
  return guard(check, ['CROSS_SITE_REQUEST']);
}

function isFromHere(req: Request): boolean {
  const site = req.headers['sec-fetch-site'];
  // Before Origin: with Referrer-Policy no-referrer, which helmet sets, a form of our own page says "Origin: null".
  if (site !== undefined) return site === 'same-origin' || site === 'none';
  const { origin } = req.headers;
  // Neither header: no browser, so no cookie was sent without its owner's intent.
  return origin === undefined || isSameHost(origin, req);
}

/**
 * Compares hosts and not schemes: behind a proxy that ends TLS the app sees http while the page is on https.
 *
 * `req.host` is X-Forwarded-Host where TRUST_PROXY trusts the peer: such a proxy may rewrite Host. A page can set
 * neither of the two in another user's browser without a preflight, which CORS refuses.
 */
function isSameHost(origin: string, req: Request): boolean {
  const host = req.host as string | undefined;
  if (!host || !URL.canParse(origin)) return false;
  const page = new URL(origin);
  // Not as browsers write an origin (https://user@host, a path): it comes from no page.
  if (page.origin !== origin) return false;
  // Parsed with the page's scheme, so that :443 and :80 are dropped where they are the default.
  const here = `${page.protocol}//${host}`;
  return page.host !== '' && URL.canParse(here) && new URL(here).host === page.host;
}

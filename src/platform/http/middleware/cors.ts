import corsHeaders from 'cors';
import type { RequestHandler } from 'express';

/** How long a browser may remember a preflight, in seconds: Chrome's maximum. */
const PREFLIGHT_MAX_AGE_SECONDS = 7200;

/** Response headers that a script of a listed origin may read, beside those it always may. */
const EXPOSED_HEADERS = ['ETag', 'Location', 'RateLimit', 'RateLimit-Policy', 'Retry-After', 'X-Request-Id'];

/**
 * Lets pages of the listed origins call the API from a browser, with cookies. None listed: no header is sent at all,
 * and browsers keep other sites out.
 *
 * The session cookie is SameSite=Lax: it comes along from subdomains of the same site, not from foreign sites.
 */
export function cors({ origins = [] }: { origins?: readonly string[] } = {}): RequestHandler {
  const respond = corsHeaders({
    origin: origins.length > 0 && [...origins],
    credentials: true,
    maxAge: PREFLIGHT_MAX_AGE_SECONDS,
    exposedHeaders: EXPOSED_HEADERS,
  });
  return (req, res, next) => {
    const { origin, 'access-control-request-method': method } = req.headers;
    // Not from a page of another origin: a browser sends the origin, and in a preflight the method. The package would
    // add half of the headers all the same, and take an OPTIONS that asks for Allow for a preflight.
    if (origin !== undefined && (req.method !== 'OPTIONS' || method)) {
      respond(req, res, next);
      return;
    }
    res.vary('Origin');
    next();
  };
}

import corsHeaders from 'cors';
import type { RequestHandler } from 'express';

/** How long a browser may remember a preflight, in seconds: Chrome's maximum. */
const PREFLIGHT_MAX_AGE_SECONDS = 7200;

/** Headers of answers that a script of a listed origin may read, beside those it always may. */
const EXPOSED_HEADERS = ['ETag', 'Location', 'RateLimit', 'RateLimit-Policy', 'Retry-After', 'X-Request-Id'];

/**
 * Lets pages of the listed origins call the API from a browser, with cookies. None listed: no header is sent at all,
 * and browsers keep other sites out.
 *
 * The session cookie is SameSite=Lax: it comes along from subdomains of the same site, not from foreign sites.
 */
export function cors({ origins = [] }: { origins?: readonly string[] } = {}): RequestHandler {
  if (origins.length === 0) {
    return (_req, _res, next) => {
      next();
    };
  }
  const answer = corsHeaders({
    origin: [...origins],
    credentials: true,
    maxAge: PREFLIGHT_MAX_AGE_SECONDS,
    exposedHeaders: EXPOSED_HEADERS,
  });
  return (req, res, next) => {
    const { origin, 'access-control-request-method': method } = req.headers;
    // Nobody asks what a page of another origin may do: a browser names the origin, and in a preflight the method. The
    // package would send half of the headers all the same, and answer an OPTIONS that asks for Allow as a preflight.
    if (origin === undefined || (req.method === 'OPTIONS' && !method)) {
      res.vary('Origin');
      next();
      return;
    }
    answer(req, res, next);
  };
}

/** Longer than any page's address here, shorter than what proxies accept in a header. Counts as it is sent, encoded. */
const MAX_LENGTH = 2048;

/** Stands for our own origin. */
const HERE = 'http://here.invalid';

/** Control characters, white space and backslashes, which browsers drop or read as a slash. */
// eslint-disable-next-line no-control-regex -- they are what is looked for
const TRICKS = /[\u0000-\u0020\u007f-\u00a0\u2028\u2029\\]/;

/** The same, and a second slash at the start, percent-encoded: harmless until something on the way decodes it. */
const ENCODED_TRICKS = /%(?:[01][0-9a-f]|7f|5c)|^\/+%2f/i;

/**
 * Where to send a browser whose request has a target (`?next=…`): the target if it is a path on this site, else the
 * fallback. Anything else would let a link to this site end on another one.
 *
 * @param target - from the request, of any type.
 * @returns a path with its query and fragment.
 * @see https://cwe.mitre.org/data/definitions/601.html
 */
export function safeRedirect(target: unknown, fallback = '/'): string {
  if (typeof target !== 'string' || target.length > MAX_LENGTH) return fallback;
  if (!target.startsWith('/') || TRICKS.test(target) || ENCODED_TRICKS.test(target)) return fallback;
  if (!URL.canParse(target, HERE)) return fallback;
  const { origin, pathname, search, hash } = new URL(target, HERE);
  // "/.//evil.example" has the path "//evil.example": as a Location, that is another host.
  if (origin !== HERE || pathname.startsWith('//')) return fallback;
  const location = pathname + search + hash;
  return location.length > MAX_LENGTH ? fallback : location;
}

import type { RequestHandler } from 'express';

/** A handler of a route, with what `route` and the document of the API have to know about it. */
export interface Guard extends RequestHandler {
  /** The codes of the errors that it throws. */
  readonly errors?: readonly string[];
  /** Whether it sends what is compressed already. */
  readonly isCompressed?: boolean;
}

/** Adds the codes of the errors that a middleware throws: `guard(requireAdmin, ['FORBIDDEN'])`. */
export function guard<Handler extends RequestHandler>(handler: Handler, errors: readonly string[]) {
  return Object.assign(handler, { errors });
}

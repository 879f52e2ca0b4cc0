import type { RequestHandler } from 'express';

/** A middleware in front of a handler, with the codes of the errors that it throws, for the document of the API. */
export interface Guard extends RequestHandler {
  readonly errors?: readonly string[];
}

/** Adds the codes of the errors that a middleware throws: `guard(requireAdmin, ['FORBIDDEN'])`. */
export function guard<Handler extends RequestHandler>(handler: Handler, errors: readonly string[]) {
  return Object.assign(handler, { errors });
}

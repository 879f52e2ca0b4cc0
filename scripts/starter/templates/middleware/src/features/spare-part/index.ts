import type { RequestHandler } from 'express';

/** Adds the host of each request to its log line: docs/add-a-middleware.md. */
export function sparePart(): RequestHandler {
  return (req, _res, next) => {
    req.log.setBindings({ sparePart: req.hostname });
    next();
  };
}

import { Socket } from 'node:net';
import type { RequestHandler } from 'express';
import helmet, { type HelmetOptions } from 'helmet';
import { IncomingMessage, ServerResponse } from '../../observability/node-http.ts';

/** Everything from this origin only (what is not listed, by default-src); no inline script or style, plugin or frame. */
const CONTENT_SECURITY_POLICY = {
  'default-src': ["'self'"],
  'base-uri': ["'none'"],
  'form-action': ["'self'"],
  'frame-ancestors': ["'none'"],
  'img-src': ["'self'", 'data:'],
  'object-src': ["'none'"],
};

/** helmet's options for a request that came over TLS, and for one that did not. */
export function helmetOptions({ secure }: { secure: boolean }): HelmetOptions {
  return {
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        ...CONTENT_SECURITY_POLICY,
        // On plain HTTP this would turn every asset's URL into an https:// one that nobody serves: a blank page.
        ...(secure && { 'upgrade-insecure-requests': [] }),
      },
    },
    strictTransportSecurity: secure && { maxAge: 31_536_000, includeSubDomains: true },
    xFrameOptions: { action: 'deny' },
  };
}

/**
 * Sets the headers that helmet sends. They are the same for every request, so helmet runs once, at the start, and its
 * headers are kept; a test compares the two.
 */
export function securityHeaders(): RequestHandler {
  const plain = headersFrom(helmetOptions({ secure: false }));
  const secure = headersFrom(helmetOptions({ secure: true }));
  return (req, res, next) => {
    for (const [name, value] of req.secure ? secure : plain) res.setHeader(name, value);
    next();
  };
}

function headersFrom(options: HelmetOptions) {
  const response = new ServerResponse(new IncomingMessage(new Socket()));
  helmet(options)(response.req, response, () => undefined);
  return Object.entries(response.getHeaders()) as [name: string, value: string][];
}

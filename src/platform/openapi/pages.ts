import { Router, type Express } from 'express';
import { APP_NAME, APP_VERSION } from '../config/paths.ts';
import { route, routesOf } from '../http/route.ts';
import { wrap } from '../http/wrap.ts';
import type { DocumentOptions } from './document.ts';

export interface ApiDocsOptions extends Pick<DocumentOptions, 'errors' | 'cookie'> {
  /** Makes the URL of a file in public/. */
  readonly asset: (name: string) => string;
}

/** `GET /openapi.json` and `GET /docs`. The document is made with the first request, and so is what makes it loaded. */
export function apiDocs(app: Express, { asset, errors, cookie }: ApiDocsOptions): Router {
  const make = async () => {
    const { openApiDocument } = await import('./document.ts');
    return openApiDocument(routesOf(app), { title: APP_NAME, version: APP_VERSION, errors, cookie });
  };
  let made: ReturnType<typeof make> | undefined;
  const router = Router();
  route(router, '/openapi.json', {
    get: wrap(async (_req, res) => res.json(await (made ??= make()))),
  });
  route(router, '/docs', {
    get: wrap(async (_req, res) => {
      const { docsPage } = await import('./html.ts');
      res.type('html').send(docsPage(await (made ??= make()), asset));
    }),
  });
  return router;
}

import { readFileSync } from 'node:fs';
import { Router, type Express } from 'express';
import { projectPath } from '../config/paths.ts';
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
    return openApiDocument(routesOf(app), { ...about(), errors, cookie });
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

/** The title and the version of the API. */
export function about(): Pick<DocumentOptions, 'title' | 'version'> {
  // eslint-disable-next-line n/no-sync -- once
  const { name, version } = JSON.parse(readFileSync(projectPath('package.json'), 'utf8')) as {
    name: string;
    version: string;
  };
  return { title: name, version };
}

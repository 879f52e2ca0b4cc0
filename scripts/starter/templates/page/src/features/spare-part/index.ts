import { Router, type Request, type Response } from 'express';
import { endpoint, escapeHtml, route } from '../../platform/http/index.ts';
import { sessionOf } from '../../platform/sessions/index.ts';
import type { Toolkit } from '../../toolkit.ts';

/** The page at `/spare-part`. */
export function sparePart({ asset, session }: Toolkit): Router {
  const show = (req: Request, res: Response) => {
    const user = sessionOf(req)?.user?.name ?? 'stranger';
    res.type('html').send(`<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>Spare part</title>
  <link rel="stylesheet" href="${asset('style.css')}">
</head>
<body><main><h1>Hello, ${escapeHtml(user)}</h1></main></body>
</html>
`);
  };

  const router = Router();
  route(router, '/', {
    get: endpoint({
      summary: 'Spare part',
      guards: [session],
      responses: { 200: { description: 'A page', type: 'text/html' } },
      handler: show,
    }),
  });
  return router;
}

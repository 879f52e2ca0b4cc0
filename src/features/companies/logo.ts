import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { projectPath } from '../../platform/config/index.ts';
import { HttpError } from '../../errors.ts';
import type { Response, Request } from 'express';
import type { CompanyPath } from './parameters.ts';
import type { CompanyRepository } from './repository.ts';

/**
 * GET /companies/:id/logo
 *
 * The file's name is made of the id alone, which is a number: nothing in the URL can reach another file.
 */
export function logo(repository: CompanyRepository, directory = projectPath('data', 'logos')) {
  return async (req: Request, res: Response, { params: { id } }: { params: CompanyPath }) => {
    const file = `${directory}/${id}.svg`;
    const [company, stats] = await Promise.all([repository.get(id), stat(file).catch(absent)]);
    if (!company || !stats)
      throw new HttpError('NOT_FOUND', { detail: `There is no logo of company ${id}.` });
    res.type('svg').set({
      'Cache-Control': 'public, max-age=86400',
      'Last-Modified': stats.mtime.toUTCString(),
    });
    if (req.fresh) return res.status(304).end();
    res.set('Content-Length', String(stats.size));
    return createReadStream(file);
  };
}

function absent(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}

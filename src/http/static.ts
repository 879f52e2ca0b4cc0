import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import express, { type Request, type RequestHandler, type Response } from 'express';
import { HttpError } from './errors.ts';

/** The files of a folder, over HTTP. */
export interface StaticFiles {
  readonly handler: RequestHandler;
  /** The URL of a file: `url('style.css')` is `/style.0a1b2c3d4e.css`. Throws for a file that is not there. */
  url(name: string): string;
}

/** `/style.0a1b2c3d4e.css`. deploy/nginx has the same pattern: nginx serves these names itself. */
const HASHED_NAME = /^(?<stem>\/.+)\.(?<hash>[0-9a-f]{10})(?<extension>\.[A-Za-z0-9]+)$/;

/** The name says what is in it: whoever has it need never ask again. */
const FOREVER = 'public, max-age=31536000, immutable';

/** Keep it, but ask each time whether it is still the same; mostly it is, and a 304 costs no body. */
const REVALIDATE = 'public, max-age=0, must-revalidate';

/**
 * Serves a folder. Every file also has a name with a hash of its content, which browsers and proxies may keep for
 * a year. A hash from before or after this version (a deploy is going on) gets the file of now, and must not keep it.
 *
 * @param options.hashed - whether `url` gives hashed names; off in development, where files change while the app runs.
 */
export function staticFiles(directory: string, { hashed = true } = {}): StaticFiles {
  const hashes = hashFiles(directory);
  const serve = express.static(directory, {
    index: false,
    redirect: false,
    dotfiles: 'ignore',
    setHeaders: (res) => {
      const { assetIsFinal } = res.locals as { assetIsFinal?: boolean };
      res.setHeader('Cache-Control', assetIsFinal ? FOREVER : REVALIDATE);
    },
  });
  return {
    handler: (req, res, next) => {
      const { stem, hash, extension } = HASHED_NAME.exec(req.path)?.groups ?? {};
      const name = `${stem ?? ''}${extension ?? ''}`;
      if (req.method !== 'GET' && req.method !== 'HEAD') {
        if (hashes.has(name) || hashes.has(req.path)) answerOtherMethods(req, res);
        else next();
        return;
      }
      if (!hashes.has(name)) {
        serve(req, res, next);
        return;
      }
      const { url } = req;
      req.url = name;
      (res.locals as { assetIsFinal?: boolean }).assetIsFinal = hashed && hash === hashes.get(name);
      serve(req, res, (error?: unknown) => {
        req.url = url;
        next(error);
      });
    },
    url: (name) => {
      const hash = hashes.get(`/${name}`);
      if (hash === undefined) throw new Error(`There is no file ${name} in ${directory}`);
      return hashed ? `/${name.replace(/\.[^.]+$/, `.${hash}$&`)}` : `/${name}`;
    },
  };
}

/** As `route` does for routes. */
function answerOtherMethods(req: Request, res: Response): void {
  const headers = { Allow: 'GET, HEAD, OPTIONS' };
  if (req.method !== 'OPTIONS') throw new HttpError('METHOD_NOT_ALLOWED', { headers });
  res.set(headers).status(204).end();
}

/**
 * The first ten digits of each file's SHA-256, by the file's URL.
 *
 * Synchronously, because it belongs to the start, when there is nobody to keep waiting: a few small files are read in a
 * millisecond, and take twenty where each step of each waits for its turn in the event loop.
 */
function hashFiles(directory: string): ReadonlyMap<string, string> {
  // eslint-disable-next-line n/no-sync -- start-up
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return new Map(files.map((file) => [`/${relative(directory, file).split(sep).join('/')}`, hashOf(file)]));
}

function hashOf(file: string): string {
  // eslint-disable-next-line n/no-sync -- start-up
  return createHash('sha256').update(readFileSync(file)).digest('hex').slice(0, 10);
}

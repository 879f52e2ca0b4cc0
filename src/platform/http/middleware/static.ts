import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join, posix, relative, sep } from 'node:path';
import express, { type Request, type RequestHandler, type Response } from 'express';
import { HttpError } from '../errors.ts';

/** The files of a folder, over HTTP. */
export interface StaticFiles {
  readonly handler: RequestHandler;
  /**
   * The URL of a file: `url('style.css')` is `/style.0a1b2c3d4e.css`, `url('my logo.svg')` is
   * `/my%20logo.0a1b2c3d4e.svg`.
   *
   * @param name - relative to the folder, with `/` between its parts.
   * @throws {Error} for a file that is not there, and for a hidden one.
   */
  url(name: string): string;
}

/** `/style.0a1b2c3d4e.css`, `/LICENSE.0a1b2c3d4e`. deploy/nginx/app/static.conf has a pattern like it. */
const HASHED_PATH = /\.(?<hash>[0-9a-f]{10})(?<extension>\.[^./]*)?$/;

/** Names that begin with a dot are not for the public, except this folder at the root (RFC 8615). */
const WELL_KNOWN = '/.well-known';

/** The name says what is in it: a client that has it need never ask again. */
const FOREVER = 'public, max-age=31536000, immutable';

/** Keep it, but ask each time whether it is still the same; mostly it is, and a 304 costs no body. */
const REVALIDATE = 'public, max-age=0, must-revalidate';

/**
 * Serves a folder. Every file also has a name with a hash of its content, which browsers and proxies may keep for
 * a year. A hash from before or after this version (a deploy is going on) gets the current file, and must not keep it.
 *
 * @param options.hashed - whether `url` gives hashed names; off in development, where files change while the app runs.
 */
export function staticFiles(directory: string, { hashed = true } = {}): StaticFiles {
  const hashes = hashFiles(directory);
  const serve = serveFolders(directory);
  return {
    handler: (req, res, next) => {
      const path = decode(req.path);
      const file = hashes.has(path) ? { path } : plainName(path);
      const exists = hashes.has(file.path);
      if (req.method !== 'GET' && req.method !== 'HEAD') {
        if (exists) respondToOtherMethods(req, res);
        else next();
        return;
      }
      const isFinal = hashed && exists && file.hash === hashes.get(file.path);
      (res.locals as { assetIsFinal?: boolean }).assetIsFinal = isFinal;
      serve(exists ? file.path : path, req, res, next);
    },
    url: (name) => {
      const hash = hashes.get(`/${name}`);
      if (hash === undefined) throw new Error(`There is no file ${name} in ${directory}`);
      return encode(hashed ? hashedName(`/${name}`, hash) : `/${name}`);
    },
  };
}

/** Takes the hash out of a path. */
function plainName(path: string): { path: string; hash?: string | undefined } {
  const match = HASHED_PATH.exec(path);
  if (!match) return { path };
  return { path: path.slice(0, match.index) + (match.groups?.extension ?? ''), hash: match.groups?.hash };
}

function hashedName(path: string, hash: string): string {
  const extension = posix.extname(path);
  return `${path.slice(0, path.length - extension.length)}.${hash}${extension}`;
}

/** The segments of a path, as they are named on the disk, as a URL has them. */
function encode(path: string): string {
  return path.split('/').map(encodeURIComponent).join('/');
}

/** The path as files are named on the disk; one that can't be decoded stays as it is, and names no file. */
function decode(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

type ServePath = (path: string, ...handed: Parameters<RequestHandler>) => void;

/**
 * Serves a decoded path. `.well-known` is a root of its own, so that express.static itself refuses every hidden name,
 * there too.
 */
function serveFolders(directory: string): ServePath {
  const options: Parameters<typeof express.static>[1] = {
    index: false,
    redirect: false,
    dotfiles: 'ignore',
    setHeaders: (res) => {
      const { assetIsFinal } = res.locals as { assetIsFinal?: boolean };
      res.setHeader('Cache-Control', assetIsFinal ? FOREVER : REVALIDATE);
    },
  };
  const root = express.static(directory, options);
  const wellKnown = express.static(join(directory, WELL_KNOWN), options);
  return (path, req, res, next) => {
    const { url } = req;
    const isWellKnown = path.startsWith(`${WELL_KNOWN}/`);
    req.url = encode(isWellKnown ? path.slice(WELL_KNOWN.length) : path);
    (isWellKnown ? wellKnown : root)(req, res, (error?: unknown) => {
      req.url = url;
      next(error);
    });
  };
}

/** As `route` does for routes. */
function respondToOtherMethods(req: Request, res: Response): void {
  const headers = { Allow: 'GET, HEAD, OPTIONS' };
  if (req.method !== 'OPTIONS') throw new HttpError('METHOD_NOT_ALLOWED', { headers });
  res.set(headers).status(204).end();
}

/**
 * The first ten digits of each file's SHA-256, by the file's path from the folder on. Without hidden files, and without
 * names that are not UTF-8, which no URL can name.
 *
 * Synchronously, because it belongs to the start, when there is nobody to keep waiting: a few small files are read in a
 * millisecond, and take twenty where each step of each waits for its turn in the event loop.
 */
function hashFiles(directory: string): ReadonlyMap<string, string> {
  // eslint-disable-next-line n/no-sync -- start-up
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const paths = files.map((file) => `/${relative(directory, file).split(sep).join('/')}`);
  return new Map(paths.filter(isPublic).map((path) => [path, hashOf(join(directory, path))]));
}

function isPublic(path: string): boolean {
  const visible = path.startsWith(`${WELL_KNOWN}/`) ? path.slice(WELL_KNOWN.length) : path;
  return !visible.includes('/.') && !path.includes('\ufffd');
}

function hashOf(file: string): string {
  // eslint-disable-next-line n/no-sync -- start-up
  return createHash('sha256').update(readFileSync(file)).digest('hex').slice(0, 10);
}

import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join, posix, relative, sep } from 'node:path';
import express, { type RequestHandler } from 'express';
import { otherMethods } from '../route.ts';

/** `/style.0a1b2c3d4e.css`, `/LICENSE.0a1b2c3d4e`. deploy/nginx/app/static.conf has a pattern like it. */
const HASHED_PATH = /\.[0-9a-f]{10}(?<extension>\.[^./]*)?$/;

/** Names that begin with a dot are not for the public, except this folder at the root (RFC 8615). */
const WELL_KNOWN = '/.well-known';

/** The name changes with the content. */
const FOREVER = 'public, max-age=31536000, immutable';

/** Revalidate with each use; mostly that is a 304, without a body. */
const REVALIDATE = 'public, max-age=0, must-revalidate';

/** The files of a folder, over HTTP. */
export type StaticFiles = ReturnType<typeof staticFiles>;

/**
 * Serves a folder. Every file also has a name with a hash of its content, which browsers and proxies may keep for
 * a year. A hash from before or after this version (a deploy is going on) gets the current file, without the year.
 *
 * @param options.hashed - whether `url` gives hashed names; off in development, where files change while the app runs.
 */
export function staticFiles(directory: string, { hashed = true } = {}) {
  const hashes = hashFiles(directory);
  const respondToOthers = otherMethods(['get']);
  // `isPublic` decides on hidden names, because .well-known is one.
  const serve = express.static(directory, {
    cacheControl: false,
    dotfiles: 'allow',
    index: false,
    redirect: false,
  });
  const handler: RequestHandler = (req, res, next) => {
    const path = decode(req.path);
    const name = hashes.has(path) ? path : path.replace(HASHED_PATH, '$<extension>');
    const hash = hashes.get(name);
    if (req.method !== 'GET' && req.method !== 'HEAD') {
      if (hash === undefined) next();
      else void respondToOthers(req, res, next);
    } else if (isPublic(path)) {
      const { url } = req;
      const isFinal = hashed && hash !== undefined && path === hashedName(name, hash);
      res.setHeader('Cache-Control', isFinal ? FOREVER : REVALIDATE);
      req.url = encode(hash === undefined ? path : name);
      serve(req, res, (error?: unknown) => {
        req.url = url;
        res.removeHeader('Cache-Control');
        next(error);
      });
    } else next();
  };
  /**
   * The URL of a file: `url('my logo.svg')` is `/my%20logo.0a1b2c3d4e.svg`.
   *
   * @param name - relative to the folder, with `/` between its parts.
   * @throws {Error} for a file that is not there, and for a hidden one.
   */
  const url = (name: string) => {
    const hash = hashes.get(`/${name}`);
    if (hash === undefined) throw new Error(`There is no file ${name} in ${directory}`);
    return encode(hashed ? hashedName(`/${name}`, hash) : `/${name}`);
  };
  return { handler, url };
}

function hashedName(path: string, hash: string): string {
  const extension = posix.extname(path);
  return `${path.slice(0, path.length - extension.length)}.${hash}${extension}`;
}

/** A path on the disk as it is in a URL. */
function encode(path: string): string {
  return path.split('/').map(encodeURIComponent).join('/');
}

/** A path of a URL as it is on the disk; one that cannot be decoded stays as it is, and names no file. */
function decode(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

/**
 * The first ten digits of each file's SHA-256, by the file's path from the folder on. Synchronous: it runs at the start,
 * where it takes a millisecond, and twenty if each step waits for the event loop.
 */
function hashFiles(directory: string): ReadonlyMap<string, string> {
  // eslint-disable-next-line n/no-sync -- start-up
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const paths = files.map((file) => `/${relative(directory, file).split(sep).join('/')}`);
  return new Map(paths.filter(isPublic).map((path) => [path, hashOf(join(directory, path))]));
}

/** Not a hidden name, nor one that is not UTF-8, which no URL can name. */
function isPublic(path: string): boolean {
  const visible = path.startsWith(`${WELL_KNOWN}/`) ? path.slice(WELL_KNOWN.length) : path;
  return !visible.includes('/.') && !path.includes('\ufffd');
}

function hashOf(file: string): string {
  // eslint-disable-next-line n/no-sync -- start-up
  return createHash('sha256').update(readFileSync(file)).digest('hex').slice(0, 10);
}

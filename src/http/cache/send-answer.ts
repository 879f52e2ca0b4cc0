import type { Request, Response } from 'express';
import type { CacheState } from '../../stores/cache/cache.ts';
import type { Encoding } from './accept-encoding.ts';
import type { Answer } from './answer.ts';

export interface Sending {
  readonly state: CacheState;
  /** Milliseconds since 1970. */
  readonly storedAt: number;
  readonly preference: readonly Encoding[];
}

/** Sends a stored answer: 304 to whom has it, else in the encoding the client likes best of those there are. */
export function sendAnswer(req: Request, res: Response, answer: Answer, sending: Sending): void {
  res.statusCode = answer.status;
  for (const [name, value] of answer.headers) res.setHeader(name, value);
  if (answer.vary !== undefined) {
    // What outer middleware already set (CORS: Origin) stays.
    if (res.hasHeader('Vary')) res.vary(answer.vary);
    else res.setHeader('Vary', answer.vary);
  }
  res.setHeader('X-Cache', sending.state);
  if (sending.state !== 'MISS') res.setHeader('Age', ageOf(sending.storedAt));
  if (isConditional(req) && req.fresh) {
    res.statusCode = 304;
    res.removeHeader('Content-Type');
    res.end();
    return;
  }
  const [body, encoding] = variantOf(answer, sending.preference);
  if (encoding !== 'identity') res.setHeader('Content-Encoding', encoding);
  res.setHeader('Content-Length', body.length);
  // Node sends no body with HEAD.
  res.end(body);
}

/** Clocks of other machines may be ahead: an age is never negative. */
function ageOf(storedAt: number): number {
  return Math.max(0, Math.floor((Date.now() - storedAt) / 1000));
}

function isConditional({ headers }: Request): boolean {
  return headers['if-none-match'] !== undefined || headers['if-modified-since'] !== undefined;
}

/** A client that likes nothing we have gets the body as it is. */
function variantOf(answer: Answer, preference: readonly Encoding[]): [Buffer, Encoding] {
  for (const encoding of preference) {
    const body = encoding === 'identity' ? answer.body : answer[encoding];
    if (body) return [body, encoding];
  }
  return [answer.body, 'identity'];
}

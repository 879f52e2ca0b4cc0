import { randomFill, randomFillSync } from 'node:crypto';

/** So many bytes are drawn at a time: a thousand ids, more than one turn of the event loop can need. */
const POOL_BYTES = 16_384;

/** Random numbers for ids, from the system's generator. */
export interface RandomSource {
  /** A random UUID (version 4). @see https://www.rfc-editor.org/rfc/rfc9562#section-5.4 */
  uuid(): string;
  /** So many random bytes as base64url. */
  token(bytes: number): string;
}

/**
 * Draws ahead, in a thread: crypto's own randomUUID and randomBytes draw in the middle of a request, and the event loop
 * waits. No byte is given out twice.
 */
export function createRandomSource(): RandomSource {
  // eslint-disable-next-line n/no-sync -- at the start; and if ever all was used before more had come: ids can't wait
  const fillNow = (pool: Buffer) => randomFillSync(pool);
  let pool = fillNow(Buffer.allocUnsafeSlow(POOL_BYTES));
  let spare: Buffer | undefined;
  let used = 0;

  const drawAhead = (into: Buffer) => {
    spare = undefined;
    randomFill(into, (error, filled) => {
      if (!error) spare = filled;
    });
  };
  /** Where the next so many bytes of the pool are. */
  const take = (bytes: number): number => {
    if (used + bytes > POOL_BYTES) {
      const empty = pool;
      pool = spare ?? fillNow(Buffer.allocUnsafeSlow(POOL_BYTES));
      used = 0;
      drawAhead(empty);
    }
    used += bytes;
    return used - bytes;
  };
  drawAhead(Buffer.allocUnsafeSlow(POOL_BYTES));

  return {
    uuid: () => {
      const start = take(16);
      return formatUuid(pool, start);
    },
    token: (bytes) => {
      const start = take(bytes);
      return pool.toString('base64url', start, start + bytes);
    },
  };
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

function formatUuid(bytes: Buffer, start: number): string {
  let text = '';
  for (let i = 0; i < 16; i++) {
    let byte = bytes[start + i] ?? 0;
    if (i === 6) byte = (byte & 0x0f) | 0x40;
    if (i === 8) byte = (byte & 0x3f) | 0x80;
    text += i === 4 || i === 6 || i === 8 || i === 10 ? `-${HEX[byte] ?? ''}` : (HEX[byte] ?? '');
  }
  return text;
}

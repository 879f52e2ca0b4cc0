// What every variant answers. The harness compares what comes out, byte for byte.
import { pbkdf2Sync } from 'node:crypto';

/** The small answer: what a health check, a counter or a "save" button gets. */
export const hello = () => ({ hello: 'world' });

/** A page of a list: 200 rows, some 38 KB of JSON, 4 KB compressed. */
export const list = () => rows;

const rows = Array.from({ length: 200 }, (_, index) => ({
  id: index + 1,
  name: `Company ${index + 1}`,
  city: ['Lagos', 'Osaka', 'São Paulo', 'Leipzig', 'Toronto'][index % 5],
  country: ['NG', 'JP', 'BR', 'DE', 'CA'][index % 5],
  founded: 1900 + ((index * 37) % 120),
  revenue: ((index * 7919) % 100_000) / 10,
  about: `Makes and sells things of kind ${(index * 31) % 97}, to ${(index * 17) % 89} countries.`,
}));

/**
 * Work for one core: so many steps, whatever the clock says. Work that only waited for the clock would seem to double
 * with two workers, whether they get a core each or not. Not in JavaScript: V8 may run the same loop at a third of its speed
 * in one process, or one minute, and not in the next.
 */
export function work(steps) {
  return { sum: pbkdf2Sync('work', 'salt', steps, 8, 'sha256').toString('hex') };
}

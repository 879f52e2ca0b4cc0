import { types } from 'node:util';
import { deserialize, serialize } from 'node:v8';
import { describe } from '../observability/plain.ts';

/** A cached value and its lifetime. Times are milliseconds since 1970: other machines read them too. */
export interface StoredEntry {
  readonly value: unknown;
  readonly storedAt: number;
  readonly freshUntil: number;
  /** From `freshUntil` to here the value may still be returned while a new one is loaded. */
  readonly staleUntil: number;
  /** The versions of its key and tags that it was loaded under (shared.ts), or UNCERTAIN. */
  readonly stamp: string;
}

/**
 * The stamp of an entry that was loaded while Redis was away, or failed. It may be a fallback, older than a change that
 * others have seen: it is not shared, and used for a second at most.
 */
export const UNCERTAIN = '?';

export interface Entry extends StoredEntry {
  /** About how much memory it takes. */
  readonly bytes: number;
}

/** How far the clocks of hosts may be apart, in milliseconds. */
const CLOCK_SKEW_MS = 60_000;

/** Not where it is from the future: a clock was wrong, then or now, so its age is unknown. */
export function isFresh({ storedAt, freshUntil }: Entry): boolean {
  const now = Date.now();
  return now < freshUntil && now > storedAt - CLOCK_SKEW_MS;
}

/**
 * An entry as bytes. V8's own format keeps what JSON loses: Buffers, Dates, Maps, undefined, cycles.
 *
 * @throws {TypeError} when the value contains what cannot be stored, for example a function.
 */
export function encode(entry: StoredEntry): Buffer {
  try {
    return serialize(entry);
  } catch (cause) {
    throw new TypeError(`The cache cannot store this value: ${describe(cause)}`, { cause });
  }
}

/**
 * The entry in these bytes, with its value frozen, because all callers get the same one; undefined where they cannot be
 * read, for example because a newer Node.js wrote them. Of anything else, the stamp is not the one you expect.
 */
export function decode(bytes: Buffer): Entry | undefined {
  // Buffers in the value are views of these bytes, which may be a small part of a large socket buffer: a copy releases
  // the rest.
  const own = Buffer.allocUnsafeSlow(bytes.length);
  bytes.copy(own);
  try {
    const entry = deserialize(own) as StoredEntry;
    return { ...entry, bytes: freezeAndWeigh(entry.value) };
  } catch {
    return undefined;
  }
}

/** What V8 spends on an object or a slot of one, in bytes, rounded up. */
const SLOT_BYTES = 32;

/** Freezes a value with all that is in it, where possible, and returns about how many bytes it takes. */
function freezeAndWeigh(value: unknown): number {
  if (typeof value === 'string') return SLOT_BYTES + 2 * value.length;
  if (typeof value !== 'object' || value === null) return SLOT_BYTES;
  if (ArrayBuffer.isView(value)) return SLOT_BYTES + value.byteLength;
  // Frozen already: the value has a cycle.
  if (Object.isFrozen(value)) return 0;
  Object.freeze(value);
  let bytes = SLOT_BYTES;
  for (const child of childrenOf(value)) bytes += freezeAndWeigh(child);
  return bytes;
}

function childrenOf(value: object): Iterable<unknown> {
  if (types.isMap(value)) return [...value.keys(), ...value.values()] as unknown[];
  if (types.isSet(value)) return value;
  return Object.values(value) as unknown[];
}

import { classOf, isErrorObject, read } from './plain-objects.ts';
import { toPlain, type PlainLimits } from './plain.ts';

/** How long the description of something thrown may be. */
const SHORT: PlainLimits = { depth: 2, breadth: 10, length: 1000, values: 50, characters: 1000 };

/**
 * What was thrown or rejected with, as one short text without secrets. Never throws: anything can be thrown, and
 * `String` fails for many objects.
 */
export function describe(thrown: unknown): string {
  if (isError(thrown)) return `${classOf(thrown)}: ${messageOf(thrown)}`;
  return asText(thrown) ?? typeof thrown;
}

function asText(value: unknown): string | undefined {
  const plain = toPlain(value, SHORT);
  return typeof plain === 'string' ? plain : JSON.stringify(plain);
}

/** What was thrown or rejected with, as an error: what is none gets one that says what it was. Never throws. */
export function toError(thrown: unknown): Error {
  return isError(thrown) ? thrown : new Error(`something that is no Error was thrown: ${describe(thrown)}`);
}

/** The message of an error, as text without secrets. Never throws. */
export function messageOf(error: Error): string {
  return asText(read(error, 'message')) ?? '';
}

/** The stack of what was thrown, as text without secrets. Never throws. */
export function stackOf(thrown: unknown): string {
  return String(toPlain(read(toError(thrown), 'stack')));
}

function isError(value: unknown): value is Error {
  try {
    return isErrorObject(value);
  } catch {
    return false;
  }
}

import { types } from 'node:util';
import {
  classOf,
  entriesOf,
  errorEntries,
  isErrorObject,
  isPlainObject,
  ownEntries,
  read,
  summaryOf,
  textOf,
  UNREADABLE,
  type Entry,
} from './plain-objects.ts';
import { isSecretName, isSecretValue, REDACTED, redactText } from './redact.ts';

/** How much of a value is kept. */
export interface PlainLimits {
  /** Objects in objects. */
  readonly depth: number;
  /** Entries of one object or array. */
  readonly breadth: number;
  /** Characters of one text. */
  readonly length: number;
  /** Values altogether. */
  readonly values: number;
  /** Characters of all texts together. */
  readonly characters: number;
}

/** Enough for an HTTP client's error with its request and response, and a few causes below it. */
const LIMITS: PlainLimits = { depth: 7, breadth: 100, length: 8192, values: 1000, characters: 65_536 };

/** A longer text is cut before it is searched for secrets, in characters. */
const MAX_SEARCHED = 65_536;

/**
 * Turns any value into data that JSON can hold, without secrets and of bounded size. It never throws and never changes
 * what it is given: getters that throw, proxies, cycles and frozen errors included.
 *
 * - What a property, header or map entry with the name of a secret holds is replaced (`isSecretName`), texts are
 *   searched for secrets (`redactText`).
 * - Errors keep their type, message, stack, `cause`, `errors` and own properties. Of Node's requests and responses the
 *   first line and the headers are kept.
 *
 * @param limits - what exceeds them is cut, and says so.
 */
export function toPlain(value: unknown, limits: PlainLimits = LIMITS): unknown {
  return new Plainer(limits).plain(value, 0);
}

class Plainer {
  readonly #limits: PlainLimits;
  /** The objects around the one that is looked at. */
  readonly #around = new Set<object>();
  #values: number;
  #characters: number;

  constructor(limits: PlainLimits) {
    this.#limits = limits;
    this.#values = limits.values;
    this.#characters = limits.characters;
  }

  plain(value: unknown, depth: number): unknown {
    this.#values--;
    switch (typeof value) {
      case 'string':
        return this.#text(value);
      case 'number':
        return Number.isFinite(value) ? value : String(value);
      case 'bigint':
        return BigInt.asIntN(512, value) === value ? this.#text(String(value)) : '[large BigInt]';
      case 'symbol':
        return this.#text(String(value));
      case 'object':
        return value === null ? null : this.#object(value, depth);
      case 'function':
        return undefined;
      default:
        return value;
    }
  }

  #text(text: string): string {
    const room = Math.min(this.#limits.length, this.#characters);
    const shown = redactText(text.length > MAX_SEARCHED ? text.slice(0, MAX_SEARCHED) : text);
    this.#characters -= Math.min(shown.length, room);
    const isWhole = shown.length <= room && text.length <= MAX_SEARCHED;
    return isWhole ? shown : `${shown.slice(0, room)}… (${text.length} characters)`;
  }

  #object(value: object, depth: number): unknown {
    if (this.#around.has(value)) return '[circular]';
    try {
      this.#around.add(value);
      if (depth > this.#limits.depth || this.#values < 0) return this.#text(summaryOf(value));
      return this.#known(value, depth) ?? this.#json(value, depth) ?? this.#fields(value, depth);
    } catch {
      return UNREADABLE;
    } finally {
      this.#around.delete(value);
    }
  }

  /** What is more, or less, than its properties; undefined for any other object. */
  #known(value: object, depth: number): unknown {
    if (isErrorObject(value)) return this.#entries(errorEntries(value), depth);
    if (Array.isArray(value)) return this.#array(value, value.length, depth);
    if (types.isSet(value)) return this.#array(firstOf(value, this.#limits.breadth), value.size, depth);
    if (types.isBoxedPrimitive(value)) return this.plain(value.valueOf(), depth);
    const text = textOf(value);
    if (text !== undefined) return this.#text(text);
    const entries = entriesOf(value);
    return entries && this.#entries(entries, depth);
  }

  /** What its `toJSON` says; undefined where it has none, or one that fails or says nothing new. */
  #json(value: object, depth: number): unknown {
    const toJSON = read(value, 'toJSON');
    if (typeof toJSON !== 'function') return undefined;
    let json: unknown;
    try {
      json = Reflect.apply(toJSON, value, ['']);
      // One that is async and fails: nobody else has its promise.
      if (types.isPromise(json)) json.catch(() => undefined);
    } catch {
      return undefined;
    }
    return json === value ? undefined : this.plain(json, depth);
  }

  #fields(value: object, depth: number): unknown {
    const names = Object.keys(value);
    // Nothing to see: a promise, or a class whose fields are private.
    if (names.length === 0 && !isPlainObject(value)) return `[${classOf(value)}]`;
    return this.#entries(ownEntries(value, names), depth);
  }

  #entries(entries: Iterable<Entry>, depth: number): object {
    const plain: [string, unknown][] = [];
    for (const [name, value] of entries) {
      if (value === undefined || typeof value === 'function') continue;
      if (plain.length === this.#limits.breadth || this.#values < 0) {
        plain.push(['…', 'and more']);
        break;
      }
      const secret = isSecretName(name) && isSecretValue(value);
      plain.push([this.#text(name), secret ? REDACTED : this.plain(value, depth + 1)]);
    }
    hideNamedValue(plain);
    // Not by assignment: a name may be __proto__.
    return Object.fromEntries(plain);
  }

  /** In lists of headers, of arguments and of pairs, a value stands behind its name. */
  #array(array: readonly unknown[], size: number, depth: number): unknown[] {
    const plain: unknown[] = [];
    const length = Math.min(array.length, this.#limits.breadth);
    for (let index = 0; index < length && this.#values >= 0; index++) {
      const element = read(array, index);
      const before = read(array, index - 1);
      const secret = typeof before === 'string' && isSecretName(before) && isSecretValue(element);
      plain.push(secret ? REDACTED : (this.plain(element, depth + 1) ?? null));
    }
    if (plain.length < size) plain.push(`… ${size - plain.length} more`);
    return plain;
  }
}

/** `{ name: 'cookie', value: … }`, as some libraries keep headers. */
function hideNamedValue(entries: [string, unknown][]): void {
  const isNamed = entries.some(
    ([key, name]) => /^(?:name|key|header)$/i.test(key) && typeof name === 'string' && isSecretName(name),
  );
  if (isNamed) for (const entry of entries) if (/^values?$/i.test(entry[0])) entry[1] = REDACTED;
}

function firstOf<Value>(values: Iterable<Value>, count: number): Value[] {
  const first: Value[] = [];
  for (const value of values) {
    if (first.length === count) break;
    first.push(value);
  }
  return first;
}

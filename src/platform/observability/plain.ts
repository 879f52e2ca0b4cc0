import { Stream } from 'node:stream';
import { types } from 'node:util';
import type * as v from 'valibot';
import { problemOf } from '../config/schemas.ts';
import { IncomingMessage, OutgoingMessage, ServerResponse } from './node-http.ts';
import { isSecretName, isSecretValue, REDACTED, redactText } from './redact.ts';

/** How many objects in objects are kept, and how many entries of each, and how many characters of one text. */
const MAX_DEPTH = 7;
const MAX_BREADTH = 100;
const MAX_LENGTH = 8192;

/** Enough for an HTTP client's error with its request and response, and a few causes below it. */
const MAX_SIZE = 100_000;

/** What each value counts beside the characters of its text, so that many small ones are limited, too. */
const VALUE_SIZE = 64;

/** A longer text is cut before it is searched for secrets, in characters. */
const MAX_SEARCHED = 65_536;

/** What stands for a value whose getter, proxy or method throws. */
export const UNREADABLE = '[unreadable]';

type Entry = readonly [name: string, value: unknown];

/**
 * Turns any value into data that JSON can hold, without secrets and of bounded size. It never throws and never changes
 * what it is given: getters that throw, proxies, cycles and frozen errors included.
 *
 * - What a property, header or map entry with the name of a secret holds is replaced (`isSecretName`), texts are
 *   searched for secrets (`redactText`).
 * - Errors keep their type, message, stack, `cause`, `errors` and own properties. Of Node's requests and responses the
 *   first line and the headers are kept.
 *
 * @param size - how much of it is kept, in characters and `VALUE_SIZE` per value. What is cut is marked as cut.
 */
export function toPlain(value: unknown, size = MAX_SIZE): unknown {
  return new PlainCopy(size).of(value, 0);
}

class PlainCopy {
  /** The objects around the current one. */
  readonly #around = new Set<object>();
  /** What is left of the size. */
  #room: number;

  constructor(size: number) {
    this.#room = size;
  }

  of(value: unknown, depth: number): unknown {
    this.#room -= VALUE_SIZE;
    switch (typeof value) {
      case 'string':
        return this.#text(value);
      case 'number':
        return Number.isFinite(value) ? value : String(value);
      case 'bigint':
        return BigInt.asIntN(512, value) === value ? String(value) : '[large BigInt]';
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
    const shown = redactText(text.length > MAX_SEARCHED ? text.slice(0, MAX_SEARCHED) : text);
    const room = Math.max(0, Math.min(MAX_LENGTH, this.#room));
    this.#room -= Math.min(shown.length, room);
    const isWhole = shown.length <= room && text.length <= MAX_SEARCHED;
    return isWhole ? shown : `${shown.slice(0, room)}… (${text.length} characters)`;
  }

  #object(value: object, depth: number): unknown {
    if (this.#around.has(value)) return '[circular]';
    try {
      this.#around.add(value);
      if (depth > MAX_DEPTH || this.#room < 0) return this.#text(summaryOf(value));
      if (Array.isArray(value)) return this.#array(value, value.length, depth);
      if (types.isSet(value)) return this.#array(value, value.size, depth);
      if (types.isBoxedPrimitive(value)) return this.of(value.valueOf(), depth);
      const content = isError(value) || !isPlainObject(value) ? contentOf(value) : undefined;
      if (typeof content === 'string') return this.#text(content);
      if (content !== undefined) return this.#entries(content, depth);
      return this.#json(value, depth) ?? this.#fields(value, depth);
    } catch {
      return UNREADABLE;
    } finally {
      this.#around.delete(value);
    }
  }

  /** What its `toJSON` returns; undefined where it has none, or one that fails or returns the object itself. */
  #json(value: object, depth: number): unknown {
    const toJSON = read(value, 'toJSON');
    if (typeof toJSON !== 'function') return undefined;
    let json: unknown;
    try {
      json = Reflect.apply(toJSON, value, ['']);
      // An async one may reject, and no other code has its promise.
      if (types.isPromise(json)) json.catch(() => undefined);
    } catch {
      return undefined;
    }
    return json === value ? undefined : this.of(json, depth);
  }

  #fields(value: object, depth: number): unknown {
    const names = Object.keys(value);
    // Nothing to see: a promise, or a class whose fields are private.
    if (names.length === 0 && !isPlainObject(value)) return `[${classOf(value)}]`;
    return this.#entries(ownEntries(value, names), depth);
  }

  #entries(entries: Iterable<Entry>, depth: number): object {
    const plain: Record<string, unknown> = {};
    let count = 0;
    for (const [name, value] of entries) {
      if (value === undefined || typeof value === 'function') continue;
      if (count++ === MAX_BREADTH || this.#room < 0) {
        plain['…'] = 'and more';
        break;
      }
      const secret = isSecretName(name) && isSecretValue(value);
      setOwn(plain, this.#text(name), secret ? REDACTED : this.of(value, depth + 1));
    }
    hideNamedValue(plain);
    return plain;
  }

  /** In lists of headers, of arguments and of pairs, a value stands behind its name. */
  #array(values: Iterable<unknown>, size: number, depth: number): unknown[] {
    const plain: unknown[] = [];
    let before: unknown;
    for (const value of values) {
      if (plain.length === MAX_BREADTH || this.#room < 0) break;
      const secret = typeof before === 'string' && isSecretName(before) && isSecretValue(value);
      plain.push(secret ? REDACTED : (this.of(value, depth + 1) ?? null));
      before = value;
    }
    if (plain.length < size) plain.push(`… ${size - plain.length} more`);
    return plain;
  }
}

/** To assign to __proto__ would change the object's prototype. */
function setOwn(object: Record<string, unknown>, name: string, value: unknown): void {
  if (name !== '__proto__') object[name] = value;
  else Object.defineProperty(object, name, { value, enumerable: true, writable: true, configurable: true });
}

/** `{ name: 'cookie', value: … }`, as some libraries keep headers. */
function hideNamedValue(plain: Record<string, unknown>): void {
  const names = Object.keys(plain);
  const values = names.filter((name) => /^values?$/i.test(name));
  if (values.length === 0) return;
  const isNamed = names
    .filter((name) => /^(?:name|key|header)$/i.test(name))
    .some((name) => typeof plain[name] === 'string' && isSecretName(plain[name]));
  if (isNamed) for (const name of values) plain[name] = REDACTED;
}

/** A property, whatever happens when it is read. */
function read(value: unknown, name: string): unknown {
  try {
    return (value as Record<string, unknown> | null | undefined)?.[name];
  } catch {
    return UNREADABLE;
  }
}

function* ownEntries(value: object, names: Iterable<string>): Generator<Entry> {
  for (const name of names) yield [name, read(value, name)];
}

/** What is shown of an object that is more, or less, than its properties: a text, or entries. */
function contentOf(value: object): string | Iterable<Entry> | undefined {
  if (isError(value)) return errorEntries(value);
  if (value instanceof URL) return value.href;
  if (value instanceof URLSearchParams) return `?${String(value)}`;
  if (types.isRegExp(value)) return String(value);
  if (types.isDate(value)) return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString();
  if (ArrayBuffer.isView(value) || types.isAnyArrayBuffer(value))
    return `[${classOf(value)}: ${value.byteLength} bytes]`;
  if (types.isMap(value)) return mapEntries(value);
  if (value instanceof Headers) return value.entries();
  if (value instanceof IncomingMessage) return requestEntries(value);
  if (value instanceof OutgoingMessage) {
    const names = ['statusCode', 'headersSent', 'method', 'host', 'path'];
    const shown = value instanceof ServerResponse ? names.slice(0, 2) : names.slice(2);
    return [...ownEntries(value, shown), ['headers', value.getHeaders()]];
  }
  return value instanceof Stream ? `[${classOf(value)}]` : undefined;
}

/** An error's own properties, and those that are not enumerable. */
function* errorEntries(error: Error): Generator<Entry> {
  yield ['type', classOf(error)];
  yield* ownEntries(error, ['message', 'stack']);
  const names = new Set([...Object.keys(error), 'errors', 'cause']);
  for (const name of ['type', 'message', 'stack']) names.delete(name);
  for (const name of names) yield [name, withoutInput(error, name)];
}

/**
 * What libraries put on their errors and may be secret: ioredis the arguments of the command (to store a session fails
 * with the session in them, and its id), valibot the whole input, in each issue.
 */
function withoutInput(error: Error, name: string): unknown {
  const value = read(error, name);
  if (name === 'command' && typeof value === 'object') return read(value, 'name');
  if (name !== 'issues' || read(error, 'name') !== 'ValiError') return value;
  return (value as v.BaseIssue<unknown>[]).map(problemOf);
}

/** Of a request that came in, or of the response to one that this process sent. */
function requestEntries(message: IncomingMessage): Entry[] {
  const ip = read(message, 'ip') ?? read(read(message, 'socket'), 'remoteAddress');
  const url = read(message, 'originalUrl') ?? (message.url || undefined);
  const { method, statusCode, headers } = message;
  return Object.entries({ id: read(message, 'id'), method, url, statusCode, ip, headers });
}

function* mapEntries(map: ReadonlyMap<unknown, unknown>): Generator<Entry> {
  for (const [key, value] of map)
    yield [typeof key === 'object' && key !== null ? summaryOf(key) : String(key), value];
}

/** The name of a value's class, for people. */
function classOf(value: object): string {
  const name = read(read(value, 'constructor'), 'name') || read(value, 'name');
  return typeof name === 'string' ? name.slice(0, 100) : 'Object';
}

/** An object in a few words. */
function summaryOf(value: object): string {
  if (isError(value)) return `[${classOf(value)}: ${String(read(value, 'message'))}]`;
  return `[${classOf(value)}]`;
}

/** Made by braces or without a prototype, in any realm. */
function isPlainObject(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** Also an error of another realm (`node:vm`). Never throws. */
function isError(value: unknown): value is Error {
  return types.isNativeError(value) || isA(value, Error);
}

/** `instanceof` that never throws. */
export function isA(value: unknown, type: abstract new (...args: never) => object): boolean {
  try {
    return value instanceof type;
  } catch {
    // A proxy.
    return false;
  }
}

/**
 * Describes what was thrown or rejected with, as one short text without secrets. Never throws: anything can be thrown,
 * and `String` fails for many objects.
 */
export function describe(thrown: unknown): string {
  if (isError(thrown)) return `${classOf(thrown)}: ${messageOf(thrown)}`;
  return shortText(thrown) ?? typeof thrown;
}

/** What was thrown or rejected with, as an error: what is none is described by one. Never throws. */
export function toError(thrown: unknown): Error {
  return isError(thrown) ? thrown : new Error(`something that is no Error was thrown: ${describe(thrown)}`);
}

/** The message of an error, as text without secrets. Never throws. */
export function messageOf(error: Error): string {
  return shortText(read(error, 'message')) ?? '';
}

/** The stack of what was thrown, as text without secrets. Never throws. */
export function stackOf(thrown: unknown): string {
  return String(toPlain(read(toError(thrown), 'stack')));
}

function shortText(value: unknown): string | undefined {
  const plain = toPlain(value, 1000);
  return typeof plain === 'string' ? plain : JSON.stringify(plain);
}

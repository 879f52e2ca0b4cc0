import { IncomingMessage, OutgoingMessage, ServerResponse } from 'node:http';
import { Stream } from 'node:stream';
import { types } from 'node:util';
import type * as v from 'valibot';
import { problemOf } from '../config/schemas.ts';

/** What stands for a value whose getter, proxy or method throws. */
export const UNREADABLE = '[unreadable]';

export type Entry = readonly [name: string, value: unknown];

/** A property, whatever it does when it is read. */
export function read(value: unknown, name: string | number): unknown {
  try {
    return (value as Record<string | number, unknown> | null | undefined)?.[name];
  } catch {
    return UNREADABLE;
  }
}

export function* ownEntries(value: object, names: Iterable<string> = Object.keys(value)): Generator<Entry> {
  for (const name of names) yield [name, read(value, name)];
}

/** Also an error of another realm (`node:vm`). May throw, for a proxy. */
export function isErrorObject(value: unknown): value is Error {
  return types.isNativeError(value) || value instanceof Error;
}

/** An error's own properties, and those that are not enumerable. */
export function* errorEntries(error: Error): Generator<Entry> {
  yield ['type', classOf(error)];
  yield ['message', read(error, 'message')];
  yield ['stack', read(error, 'stack')];
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

/** The text for objects that are shown as one. */
export function textOf(value: object): string | undefined {
  if (value instanceof URL) return value.href;
  if (value instanceof URLSearchParams) return `?${String(value)}`;
  if (types.isRegExp(value)) return String(value);
  if (types.isDate(value)) return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString();
  if (ArrayBuffer.isView(value) || types.isAnyArrayBuffer(value)) {
    return `[${classOf(value)}: ${value.byteLength} bytes]`;
  }
  const isMessage = value instanceof IncomingMessage || value instanceof OutgoingMessage;
  return value instanceof Stream && !isMessage ? `[${classOf(value)}]` : undefined;
}

/** The entries of objects that are shown by others than their properties. */
export function entriesOf(value: object): Iterable<Entry> | undefined {
  if (types.isMap(value)) return mapEntries(value);
  if (value instanceof Headers) return value.entries();
  if (value instanceof IncomingMessage) return requestEntries(value);
  if (value instanceof ServerResponse) {
    const { statusCode, headersSent } = value;
    return Object.entries({ statusCode, headersSent, headers: value.getHeaders() });
  }
  if (value instanceof OutgoingMessage) {
    return [...ownEntries(value, ['method', 'host', 'path']), ['headers', value.getHeaders()]];
  }
  return undefined;
}

/** Of a request that came in, or of the response to one that this process sent. */
function requestEntries(message: IncomingMessage): Iterable<Entry> {
  const [id, originalUrl, ip] = ['id', 'originalUrl', 'ip'].map((name) => read(message, name));
  return Object.entries({
    id,
    method: message.method,
    url: originalUrl ?? (message.url || undefined),
    statusCode: message.statusCode,
    ip: ip ?? read(read(message, 'socket'), 'remoteAddress'),
    headers: message.headers,
  });
}

function* mapEntries(map: ReadonlyMap<unknown, unknown>): Generator<Entry> {
  for (const [key, value] of map) {
    yield [typeof key === 'object' && key !== null ? summaryOf(key) : String(key), value];
  }
}

/** The name of a value's class, for people. */
export function classOf(value: object): string {
  const name = read(read(value, 'constructor'), 'name') || read(value, 'name');
  return typeof name === 'string' ? name.slice(0, 100) : 'Object';
}

/** An object in a few words. May throw, for a proxy. */
export function summaryOf(value: object): string {
  if (isErrorObject(value)) return `[${classOf(value)}: ${String(read(value, 'message'))}]`;
  return Array.isArray(value) ? `[Array of ${value.length}]` : `[${classOf(value)}]`;
}

/** Made by braces or without a prototype, in whatever realm. */
export function isPlainObject(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

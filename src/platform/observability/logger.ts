/* eslint-disable n/no-sync -- at the start */
import { mkdirSync, openSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { isatty } from 'node:tty';
import { format, types } from 'node:util';
import {
  pino,
  type Bindings,
  type ChildLoggerOptions,
  type DestinationStream,
  type LogFn,
  type Logger,
} from 'pino';
import { loadProcessManagerEnv } from '../config/process-manager-env.ts';
import type { PlatformConfig } from '../config/settings.ts';
import { IncomingMessage, ServerResponse } from './node-http.ts';
import { LogOutput } from './log-output.ts';
import { describe, isA, toPlain, UNREADABLE } from './plain.ts';
import { isSecretName, redactText } from './redact.ts';

export type { Logger } from 'pino';

/** A longer text is cut by `toPlain`, in characters. */
const MAX_FLAT_TEXT = 1024;

/**
 * The application's logger: one JSON object per line on stdout, pretty in development. Any value can be logged, in any
 * field: see `toPlain`.
 *
 * Lines are written asynchronously, some milliseconds' together; what is left is written when the process exits, be it
 * by `process.exit` or by an uncaught exception. Only SIGKILL and a signal without a handler lose lines, so the entries
 * handle SIGTERM and SIGINT.
 *
 * @param stream - where lines go instead of stdout, for tests.
 * @see https://getpino.io/#/docs/asynchronous
 */
export function createLogger(
  config: Pick<PlatformConfig, 'LOG_LEVEL' | 'LOG_FORMAT'>,
  stream: DestinationStream = openStdout(config.LOG_FORMAT),
): Logger {
  const logger = pino(
    {
      level: config.LOG_LEVEL,
      base: { pid: process.pid },
      timestamp: timeOfLine(),
      formatters: { level: (label) => ({ level: label }) },
      hooks: { logMethod },
      // pino's own would change the error it is given.
      serializers: { err: (err: unknown) => err },
    },
    stream,
  );
  return withPlainChildren(logger);
}

/** The time of a line, in ISO 8601. It is made once for all lines of a millisecond: it takes 1 µs. */
function timeOfLine(): () => string {
  let madeAt = 0;
  let text = '';
  return () => {
    const now = Date.now();
    if (now !== madeAt) text = `,"time":"${new Date(now).toISOString()}"`;
    madeAt = now;
    return text;
  };
}

/**
 * What code logs must never throw, lose the line or end the process, and must show no secret. So pino gets plain data only;
 * the message is formatted here, because `%s` and `%o` read values too.
 */
function logMethod(this: Logger, args: Parameters<LogFn>, method: LogFn): void {
  const [first, ...rest] = args as unknown[];
  const isText = typeof first !== 'object' && (first !== undefined || rest.length === 0);
  const fields = isText ? {} : plainFields(first ?? {});
  const message = isText ? args : rest;
  method.call(this, fields, message.length > 0 ? formatMessage(message) : messageIn(fields));
}

/** What is logged alone, `log.error(err)` or `log.info(req)`, gets the name that it has elsewhere. */
function plainFields(fields: object): Record<string, unknown> {
  const flat = flatCopy(fields);
  if (flat) return flat;
  const plain = toPlain(fields);
  if (isA(fields, Error)) return { err: plain };
  if (isA(fields, IncomingMessage)) return { req: plain };
  if (isA(fields, ServerResponse)) return { res: plain };
  const isRecord = typeof plain === 'object' && plain !== null && !Array.isArray(plain);
  return isRecord ? (plain as Record<string, unknown>) : { value: plain };
}

/**
 * Copies the fields of most lines: a few numbers and short texts without secrets. `toPlain` in its place takes 1.4 µs more,
 * of the 40 µs that a small request takes.
 *
 * @returns undefined where any field needs a closer look.
 */
function flatCopy(fields: object): Record<string, unknown> | undefined {
  if (types.isProxy(fields) || Object.getPrototypeOf(fields) !== Object.prototype) return undefined;
  try {
    const copy: Record<string, unknown> = { ...fields };
    for (const name of Object.keys(copy)) {
      const value = copy[name];
      if (value === undefined) continue;
      if (!isFlat(value) || isSecretName(name) || name === '__proto__') return undefined;
    }
    return copy;
  } catch {
    // A getter.
    return undefined;
  }
}

function isFlat(value: unknown): boolean {
  if (typeof value === 'string') return value.length <= MAX_FLAT_TEXT && redactText(value) === value;
  return typeof value === 'boolean' || Number.isFinite(value);
}

function formatMessage([message, ...values]: readonly unknown[]): string {
  const text = typeof message === 'string' ? message : describe(message);
  if (values.length === 0) return redactText(text);
  const plain = values.map((value) => toPlain(value));
  try {
    return redactText(format(text, ...plain));
  } catch {
    // %s calls a toString of the object's own, which may be anything.
    return redactText([text, ...plain.map(describe)].join(' '));
  }
}

/** pino's own: an error alone gives the line its message. */
function messageIn({ msg, err }: Record<string, unknown>): string | undefined {
  const { message } = (err ?? {}) as { message?: unknown };
  return msg === undefined && typeof message === 'string' ? message : undefined;
}

/** A logger whose children get plain data, too, also from serializers of their own. */
function withPlainChildren(logger: Logger): Logger {
  const child = function (this: Logger, bindings: Bindings, options?: ChildLoggerOptions): Logger {
    const given = [plainFields(bindings), options && withPlainResults(options)];
    // eslint-disable-next-line @typescript-eslint/unbound-method -- bound to this very logger by Reflect.apply
    return Reflect.apply(logger.child, this, given) as Logger;
  };
  const setBindings = function (this: Logger, bindings: Bindings): void {
    logger.setBindings.call(this, plainFields(bindings));
  };
  return Object.create(logger, { child: { value: child }, setBindings: { value: setBindings } }) as Logger;
}

function withPlainResults({ serializers = {}, ...options }: ChildLoggerOptions): ChildLoggerOptions {
  const withPlainResult = (serialize: (value: unknown) => unknown) => (value: unknown) => {
    try {
      return toPlain(serialize(value));
    } catch {
      return UNREADABLE;
    }
  };
  const plain = Object.entries(serializers).map(([name, serialize]) => [name, withPlainResult(serialize)]);
  return { ...options, serializers: Object.fromEntries(plain) as typeof serializers };
}

/**
 * The log's output: stdout, but under PM2 its log file. PM2 takes what goes through `process.stdout`, which the end of the
 * process cuts off, and the reason for it with it; a cluster instance's real stdout is PM2's own. So lines go to PM2's
 * file, as they would to stdout, and to PM2 for those who run `pm2 logs`.
 */
function openStdout(format: PlatformConfig['LOG_FORMAT']): DestinationStream {
  // Only the text is pino-pretty's: its own way to stdout waits for the reader.
  const pretty = format === 'pretty' ? loadPretty()?.({ colorize: isatty(1), ignore: 'pid' }) : undefined;
  const { pm2LogFile } = loadProcessManagerEnv();
  if (pretty === undefined && pm2LogFile === undefined) return new LogOutput(1);
  const output = new LogOutput(pretty || pm2LogFile === undefined ? 1 : openLogFile(pm2LogFile));
  return {
    write: (line) => {
      output.write(pretty ? pretty(line) : line);
      if (!pretty && process.connected)
        process.send?.({ type: 'log:out', data: line }, undefined, {}, () => undefined);
    },
  };
}

function openLogFile(file: string): number {
  mkdirSync(dirname(file), { recursive: true });
  return openSync(file, 'a');
}

type PrettyFactory = (options: object) => (line: string) => string;

/** pino-pretty is a devDependency: a host without it gets JSON. */
function loadPretty(): PrettyFactory | undefined {
  try {
    const pretty: unknown = createRequire(import.meta.url)('pino-pretty');
    return (pretty as { prettyFactory: PrettyFactory }).prettyFactory;
  } catch {
    return undefined;
  }
}

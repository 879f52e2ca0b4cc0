import { mkdirSync, openSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { isatty } from 'node:tty';
import { format } from 'node:util';
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
import { createPlainFields, type PlainFields } from './log-fields.ts';
import { LogOutput } from './log-output.ts';
import { UNREADABLE } from './plain-objects.ts';
import { toPlain } from './plain.ts';
import { redactText } from './redact.ts';
import { describe } from './thrown.ts';

export type { Logger } from 'pino';

/**
 * The application's logger: one JSON object a line on stdout, pretty in development. Any value can be logged, in any
 * field: see `toPlain`.
 *
 * Lines are written asynchronously, some milliseconds' together; what is left is written when the process exits, be it
 * by `process.exit` or by an uncaught exception. Only SIGKILL and a signal nobody handles lose lines, so the entries
 * handle SIGTERM and SIGINT.
 *
 * @param stream - where lines go instead of stdout, for tests.
 * @see https://getpino.io/#/docs/asynchronous
 */
export function createLogger(
  config: Pick<PlatformConfig, 'LOG_LEVEL' | 'LOG_FORMAT'>,
  stream: DestinationStream = openStdout(config.LOG_FORMAT),
): Logger {
  const plainFields = createPlainFields();
  const logger = pino(
    {
      level: config.LOG_LEVEL,
      base: { pid: process.pid },
      timestamp: isoTime(),
      formatters: { level: (label) => ({ level: label }) },
      hooks: { logMethod: logMethod(plainFields) },
      // pino's own would change the error it is given.
      serializers: { err: (err: unknown) => err },
    },
    stream,
  );
  return withPlainBindings(logger, plainFields);
}

/**
 * What code logs must never throw, lose the line or end the process, and must show no secret. So pino gets plain data only;
 * the message is formatted here, because `%s` and `%o` read values too.
 */
function logMethod(plainFields: PlainFields) {
  return function (this: Logger, args: Parameters<LogFn>, method: LogFn): void {
    const [first, ...rest] = args as unknown[];
    const isText = typeof first !== 'object' && (first !== undefined || rest.length === 0);
    const fields = isText ? {} : plainFields(first ?? {});
    const message = isText ? args : rest;
    method.call(this, fields, message.length > 0 ? formatMessage(message) : messageOf(fields));
  };
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
function messageOf({ msg, err }: Record<string, unknown>): string | undefined {
  const { message } = (err ?? {}) as { message?: unknown };
  return msg === undefined && typeof message === 'string' ? message : undefined;
}

/** A logger whose children get plain data, too, also from serializers of their own. */
function withPlainBindings(logger: Logger, plainFields: PlainFields): Logger {
  const child = function (this: Logger, bindings: Bindings, options?: ChildLoggerOptions): Logger {
    const plain = plainFields(bindings);
    const given = options ? [plain, withPlainResults(options)] : [plain];
    // eslint-disable-next-line @typescript-eslint/unbound-method -- bound to this very logger by Reflect.apply
    return Reflect.apply(logger.child, this, given) as Logger;
  };
  const setBindings = function (this: Logger, bindings: Bindings): void {
    // eslint-disable-next-line @typescript-eslint/unbound-method -- as above
    Reflect.apply(logger.setBindings, this, [plainFields(bindings)]);
  };
  return Object.create(logger, { child: { value: child }, setBindings: { value: setBindings } }) as Logger;
}

function withPlainResults({ serializers, ...options }: ChildLoggerOptions): ChildLoggerOptions {
  if (!serializers) return options;
  const plain = { ...serializers };
  for (const [name, serialize] of Object.entries(serializers)) {
    plain[name] = (value: unknown): unknown => {
      try {
        return toPlain(serialize(value));
      } catch {
        return UNREADABLE;
      }
    };
  }
  return { ...options, serializers: plain };
}

/** pino's isoTime, which makes the text anew for each line, while many lines fall into one millisecond. */
function isoTime(): () => string {
  let last = 0;
  let text = '';
  return () => {
    const now = Date.now();
    if (now !== last) {
      last = now;
      text = `,"time":"${new Date(now).toISOString()}"`;
    }
    return text;
  };
}

function openStdout(format: PlatformConfig['LOG_FORMAT']): DestinationStream {
  const pretty = format === 'pretty' ? loadPretty() : undefined;
  if (pretty) return prettyOutput(pretty);
  const { pm2LogFile } = loadProcessManagerEnv();
  return pm2LogFile === undefined ? new LogOutput(1) : openPm2Log(pm2LogFile);
}

/**
 * PM2 takes what goes through `process.stdout`, which the end of the process cuts off, and the reason for it with it; a
 * cluster instance's real stdout is PM2's own. So lines go to PM2's file, as they would to stdout, and to PM2 for those
 * who look at `pm2 logs` right now.
 */
function openPm2Log(file: string): DestinationStream {
  // eslint-disable-next-line n/no-sync -- at the start
  mkdirSync(dirname(file), { recursive: true });
  // eslint-disable-next-line n/no-sync -- as above
  const lines = new LogOutput(openSync(file, 'a'));
  return {
    write: (line) => {
      lines.write(line);
      if (process.connected) process.send?.({ type: 'log:out', data: line }, undefined, {}, () => undefined);
    },
    flushSync: () => {
      // eslint-disable-next-line n/no-sync -- pino's, for the end of the process
      lines.flushSync();
    },
  } as DestinationStream;
}

/** Only the text is pino-pretty's: its own way to stdout waits for the reader. */
function prettyOutput({ prettyFactory }: PinoPretty): DestinationStream {
  const pretty = prettyFactory({ colorize: isatty(1), ignore: 'pid' });
  const output = new LogOutput(1);
  return {
    write: (line) => {
      output.write(pretty(line));
    },
    flushSync: () => {
      // eslint-disable-next-line n/no-sync -- pino's, for the end of the process
      output.flushSync();
    },
  } as DestinationStream;
}

interface PinoPretty {
  readonly prettyFactory: (options: object) => (line: string) => string;
}

/** pino-pretty is a devDependency: a host without it gets JSON. */
function loadPretty(): PinoPretty | undefined {
  try {
    return createRequire(import.meta.url)('pino-pretty') as PinoPretty;
  } catch {
    return undefined;
  }
}

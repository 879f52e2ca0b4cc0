import { mkdirSync, openSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { pino, stdSerializers, type DestinationStream, type Logger } from 'pino';
import type * as v from 'valibot';
import { loadLaunch, type Config } from '../config.ts';
import { problemOf } from '../config/schemas.ts';
import { LogOutput } from './log-output.ts';

export type { Logger } from 'pino';

/** Names of fields that never reach a log, at the top of the logged object and one level down. */
export const SECRET_FIELDS = [
  'authorization',
  'cookie',
  'password',
  'passwordHash',
  'secret',
  'token',
  'accessToken',
  'refreshToken',
  'access_token',
  'refresh_token',
] as const;

const SECRET_HEADERS = ['authorization', 'proxy-authorization', 'cookie', 'set-cookie'];

const redactedPaths = [
  ...SECRET_FIELDS.flatMap((field) => [field, `*.${field}`]),
  ...['headers', '*.headers'].flatMap((where) => SECRET_HEADERS.map((header) => `${where}["${header}"]`)),
];

/**
 * The application's logger: one JSON object a line on stdout, pretty in development.
 *
 * Lines are written asynchronously, some milliseconds' together; what is left is written when the process exits, be it
 * by `process.exit` or by an uncaught exception. Only SIGKILL and a signal nobody handles lose lines, so the entries
 * handle SIGTERM and SIGINT.
 *
 * @param stream - where lines go instead of stdout, for tests.
 * @see https://getpino.io/#/docs/asynchronous
 */
export function createLogger(
  config: Pick<Config, 'LOG_LEVEL' | 'LOG_FORMAT'>,
  stream: DestinationStream = openStdout(config.LOG_FORMAT),
): Logger {
  return pino(
    {
      level: config.LOG_LEVEL,
      base: { pid: process.pid },
      timestamp: isoTime(),
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: redactedPaths, censor: '[redacted]' },
      serializers: { err: serializeError },
    },
    stream,
  );
}

/**
 * pino's serializer, but for what libraries put on their errors and may be secret: ioredis the arguments of the command
 * (to store a session fails with the session in them, and its id), valibot the whole input, in each issue.
 */
function serializeError(thrown: unknown): unknown {
  return thrown instanceof Error ? withoutInput(stdSerializers.err(thrown)) : thrown;
}

function withoutInput(value: unknown): unknown {
  // The errors of an AggregateError.
  if (Array.isArray(value)) return value.map(withoutInput);
  if (typeof value !== 'object' || value === null || !('stack' in value)) return value;
  const isOfValibot = 'name' in value && value.name === 'ValiError';
  const entries = Object.entries<unknown>({ ...value }).map(([key, part]) => {
    if (key === 'command') return [key, nameOf(part)];
    if (key === 'issues' && isOfValibot) return [key, (part as v.BaseIssue<unknown>[]).map(problemOf)];
    return [key, withoutInput(part)];
  });
  return Object.fromEntries(entries) as object;
}

function nameOf(command: unknown): unknown {
  return (command as { name?: unknown } | null | undefined)?.name;
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

function openStdout(format: Config['LOG_FORMAT']): DestinationStream {
  if (format === 'pretty') {
    const pretty = loadPretty();
    if (pretty) return pretty({ colorize: process.stdout.isTTY, ignore: 'pid', sync: true });
  }
  const { pm2LogFile } = loadLaunch();
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

/** pino-pretty is a devDependency: a host without it gets JSON. */
function loadPretty(): ((options: object) => DestinationStream) | undefined {
  try {
    return createRequire(import.meta.url)('pino-pretty') as (options: object) => DestinationStream;
  } catch {
    return undefined;
  }
}

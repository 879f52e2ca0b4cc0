import { once } from 'node:events';
import type { Server } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { Writable } from 'node:stream';
import { afterEach } from '@jest/globals';
import express, { type Express } from 'express';
import { accessLog } from '../../src/platform/http/middleware/access-log.ts';
import { requestContext } from '../../src/platform/http/middleware/request-context.ts';
import { errorHandler, notFound } from '../../src/platform/http/middleware/error-handler.ts';
import { createHttpServer } from '../../src/platform/http/server.ts';
import { wellFormed } from '../../src/platform/http/middleware/well-formed.ts';
import { createLogger } from '../../src/platform/observability/logger.ts';
import { tracing } from '../../src/platform/tracing/index.ts';
import { testConfig } from './config.ts';
import { until } from './until.ts';

/** A log that a test can read: one object per line. */
export class LogLines extends Writable {
  readonly lines: Record<string, unknown>[] = [];

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    for (const line of chunk.toString().split('\n').filter(Boolean)) {
      this.lines.push(JSON.parse(line) as Record<string, unknown>);
    }
    done();
  }

  /** Waits until this number of lines was written: the line of a request comes after its response. */
  async waitFor(count: number): Promise<Record<string, unknown>[]> {
    await until(() => {
      if (this.lines.length < count) throw new Error(`${this.lines.length} of ${count} lines:${this.#text}`);
      return true;
    });
    return this.lines;
  }

  /** Waits until there is a line of that kind. */
  async waitForLine(matches: (line: Record<string, unknown>) => boolean): Promise<void> {
    await until(() => {
      if (!this.lines.some(matches)) throw new Error(`no such line:${this.#text}`);
      return true;
    });
  }

  get #text(): string {
    return ['', ...this.lines.map((line) => JSON.stringify(line))].join('\n');
  }
}

/** An app with the pipeline's outer layers around the routes that `add` gives it, served on a free port. */
export async function serve(
  add: (app: Express) => void,
  env: Record<string, string> = {},
): Promise<{
  url: string;
  port: number;
  server: Server;
  log: LogLines;
  app: Express;
  close: () => Promise<void>;
}> {
  const config = testConfig({ LOG_LEVEL: 'info', ...env });
  const log = new LogLines();
  const logger = createLogger(config, log);
  const app = express();
  app
    .set('trust proxy', config.TRUST_PROXY)
    .set('query parser', 'simple')
    .disable('x-powered-by')
    .set('etag', false);
  app.locals.requestTimeoutMs = config.REQUEST_TIMEOUT_SECONDS * 1000;
  app.use(tracing(), accessLog(logger), requestContext(), wellFormed());
  add(app);
  app.use(notFound(), errorHandler({ exposeErrors: config.NODE_ENV === 'development' }));
  const server = createHttpServer(app, config, logger).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const close = async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  };
  return { url: `http://127.0.0.1:${port}`, port, server, log, app, close };
}

/** `serve` for a test file: closes each server after the test that started it. Call it at the top of the file. */
export function serveEachTest(): typeof serve {
  const started: Awaited<ReturnType<typeof serve>>[] = [];
  afterEach(async () => {
    await Promise.all(started.splice(0).map(({ close }) => close()));
  });
  return async (add, env) => {
    const served = await serve(add, env);
    started.push(served);
    return served;
  };
}

/** Sends bytes as they are and reads until the server closes: for requests no HTTP client would send. */
export async function sendRaw(port: number, ...chunks: string[]): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  const parts: Buffer[] = [];
  socket.on('data', (part: Buffer) => parts.push(part));
  for (const chunk of chunks) socket.write(chunk);
  await once(socket, 'close');
  return Buffer.concat(parts).toString();
}

import { once } from 'node:events';
import { readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { AppCopy } from '../support/app-copy.ts';
import { AppHost } from '../support/deploy/app-host.ts';
import { describeWithNpm } from '../support/deploy/npm-program.ts';
import { until } from '../support/deploy/until.ts';
import { read } from '../support/docs/files.ts';
import { fencesOf } from '../support/docs/markdown.ts';
import { addDocumented } from '../support/docs/run-snippets.ts';
import { useFixtures } from '../support/fixture-features.ts';

const DOCUMENT = 'docs/tracing.md';
const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const PARENT = '00f067aa0ba902b7';

/** The packages that the document installs. */
const [, PACKAGES = ''] = /npm install (@opentelemetry[^`]+)\n```/.exec(read(DOCUMENT)) ?? [];

/** A span as OTLP over HTTP has it in JSON. */
interface Span {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  /** 2: server, 3: client. */
  readonly kind: number;
}

/** A server that keeps what it is sent. */
async function startReceiver(): Promise<{
  server: Server;
  url: string;
  got: { headers: IncomingHttpHeaders; raw: string[]; body: string }[];
}> {
  const got: { headers: IncomingHttpHeaders; raw: string[]; body: string }[] = [];
  const server = createServer((req, res) => {
    void req.toArray().then((chunks) => {
      got.push({
        headers: req.headers,
        raw: req.rawHeaders,
        body: Buffer.concat(chunks as Buffer[]).toString(),
      });
      res.setHeader('Content-Type', 'application/json').end('{}');
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, got, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

describeWithNpm(
  PACKAGES.split(/[\s\\]+/)
    .filter(Boolean)
    .join(' '),
  'OpenTelemetry as docs/tracing.md has it',
  (bin) => {
    let copy: AppCopy;
    let collector: Awaited<ReturnType<typeof startReceiver>>;
    let other: Awaited<ReturnType<typeof startReceiver>>;
    let host: AppHost | undefined;

    beforeAll(async () => {
      collector = await startReceiver();
      other = await startReceiver();
      copy = await AppCopy.create();
      await useFixtures(copy.file('dist'));
      await addDocumented(DOCUMENT, copy.file('dist'));
      const features = await readFile(copy.file('dist/features/index.js'), 'utf8');
      const mount = `router.use('/api/weather', weather('${other.url}'));`;
      await writeFile(
        copy.file('dist/features/index.js'),
        `import { weather } from './weather/index.js';\n${features.replace("// router.use('/api/orders', orders(toolkit));", mount)}`,
      );
      await rm(copy.file('node_modules/@opentelemetry'));
      await symlink(join(bin, '../@opentelemetry'), copy.file('node_modules/@opentelemetry'));
      const [preload] = fencesOf(DOCUMENT).filter(({ code }) => code.startsWith('// otel.mjs\n'));
      await writeFile(copy.file('otel.mjs'), preload?.code ?? '');
    }, 60_000);
    afterEach(async () => {
      await host?.stop();
      other.got.length = 0;
    });
    afterAll(async () => {
      for (const { server } of [collector, other]) {
        server.closeAllConnections();
        server.close();
        await once(server, 'close');
      }
      await copy.remove();
    });

    const start = (env: Record<string, string>) =>
      AppHost.start({ WEB_CONCURRENCY: '2', ...env }, copy.file('dist/cluster.js'));
    const ask = async (url: string) => {
      const headers = { traceparent: `00-${TRACE}-${PARENT}-01` };
      const response = await fetch(`${url}/api/weather`, { headers });
      expect([response.status, await response.text()]).toEqual([200, '{}']);
    };
    const spans = () =>
      collector.got.flatMap(({ body }) => {
        const { resourceSpans } = JSON.parse(body) as {
          resourceSpans: { scopeSpans: { spans: Span[] }[] }[];
        };
        return resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans));
      });

    test('with --import, the spans reach a collector, with the ids of the log, and the next system is their child', async () => {
      host = await start({
        NODE_OPTIONS: `--import ${copy.file('otel.mjs')}`,
        OTEL_SERVICE_NAME: 'app',
        OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
        OTEL_BSP_SCHEDULE_DELAY: '200',
      });
      await ask(host.url);
      const ofTrace = () => spans().filter(({ traceId }) => traceId === TRACE);
      await until('both spans are there', () => ofTrace().length === 2, { seconds: 30 });
      const server = ofTrace().find(({ kind }) => kind === 2);
      const client = ofTrace().find(({ kind }) => kind === 3);
      expect(server?.parentSpanId).toBe(PARENT);
      expect(client?.parentSpanId).toBe(server?.spanId);
      expect(collector.got[0]?.body).toContain('{"key":"service.name","value":{"stringValue":"app"}}');
      // Once, and not by the app as well.
      const [sent] = other.got;
      expect(sent?.raw.filter((name) => name.toLowerCase() === 'traceparent')).toHaveLength(1);
      expect(sent?.headers.traceparent).toBe(`00-${TRACE}-${client?.spanId ?? ''}-01`);
      await until(
        'its line is there',
        () => host?.requests.some(({ path }) => path === '/api/weather') === true,
      );
      const line = host.requests.find(({ path }) => path === '/api/weather');
      expect(line).toMatchObject({ traceId: TRACE, spanId: server?.spanId });
    }, 90_000);

    test('without it, the same app has a trace of its own', async () => {
      const before = collector.got.length;
      host = await start({});
      await ask(host.url);
      await until(
        'its line is there',
        () => host?.requests.some(({ path }) => path === '/api/weather') === true,
      );
      const line = host.requests.find(({ path }) => path === '/api/weather');
      expect(line).toMatchObject({ traceId: TRACE, spanId: expect.stringMatching(/^[0-9a-f]{16}$/) });
      expect(other.got[0]?.headers.traceparent).toBe(`00-${TRACE}-${String(line?.spanId)}-01`);
      expect(collector.got).toHaveLength(before);
    }, 60_000);
  },
);

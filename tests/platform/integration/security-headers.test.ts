import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import express from 'express';
import helmet from 'helmet';
import { helmetOptions, securityHeaders } from '../../../src/platform/http/middleware/security-headers.ts';

const stops: (() => void)[] = [];
afterEach(() => {
  for (const stop of stops.splice(0)) stop();
});

async function headersOf(
  middleware: express.RequestHandler,
  proto: 'http' | 'https',
): Promise<[string, string][]> {
  const app = express().disable('x-powered-by').set('trust proxy', 'loopback').use(middleware);
  app.use((_req, res) => {
    res.send('ok');
  });
  const server = createServer(app).listen(0, '127.0.0.1');
  stops.push(() => server.close());
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const response = await fetch(`http://127.0.0.1:${port}`, {
    headers: { 'x-forwarded-proto': proto, connection: 'close' },
  });
  return [...response.headers].filter(([name]) => name !== 'date');
}

describe.each([
  ['http', false],
  ['https', true],
] as const)('over %s', (proto, secure) => {
  test('sends exactly the headers that helmet itself sends', async () => {
    const ours = await headersOf(securityHeaders(), proto);
    const theirs = await headersOf(helmet(helmetOptions({ secure })), proto);
    expect(ours).toEqual(theirs);
    expect(ours.length).toBeGreaterThan(10);
  });

  test('sends a policy that allows nothing unsafe', async () => {
    const { 'content-security-policy': policy } = Object.fromEntries(
      await headersOf(securityHeaders(), proto),
    );
    expect(policy).toContain("default-src 'self'");
    expect(policy).not.toMatch(/unsafe|\*|https:/);
  });

  test(`${secure ? 'sends' : 'does not send'} HSTS and upgrade-insecure-requests`, async () => {
    const headers = Object.fromEntries(await headersOf(securityHeaders(), proto));
    expect('strict-transport-security' in headers).toBe(secure);
    expect(headers['content-security-policy']?.includes('upgrade-insecure-requests')).toBe(secure);
  });
});

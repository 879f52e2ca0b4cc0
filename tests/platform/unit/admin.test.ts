import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from '@jest/globals';
import { AdminAccess } from '../../../src/platform/observability/admin-access.ts';
import { createAdminServer } from '../../../src/platform/observability/admin.ts';
import { sendRaw } from '../../support/http.ts';

const source = { contentType: 'text/plain', metrics: () => Promise.resolve('some_metric 1\n') };

const TOKEN = 'only-for-tests-9b1f-4c22-88ad-07e5';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

/** The first line of the response to a request with these Host headers. */
async function statusFor(hosts: readonly string[], settings: Record<string, string> = {}): Promise<string> {
  const config = {
    ADMIN_HOST: settings.ADMIN_HOST ?? '127.0.0.1',
    ADMIN_ALLOWED_HOSTS: settings.ADMIN_ALLOWED_HOSTS?.split(',') ?? [],
  };
  const server = createAdminServer(source, config, new AdminAccess(TOKEN)).listen(0, '127.0.0.1');
  servers.push(server);
  await once(server, 'listening');
  const lines = hosts.map((host) => `Host: ${host}\r\n`).join('');
  const version = hosts.length === 0 ? '1.0' : '1.1';
  const { port } = server.address() as AddressInfo;
  const token = `Authorization: Bearer ${TOKEN}\r\n`;
  const response = await sendRaw(
    port,
    `GET /metrics HTTP/${version}\r\n${lines}${token}Connection: close\r\n\r\n`,
  );
  expect(response.includes('some_metric')).toBe(response.startsWith('HTTP/1.1 200'));
  return response.split('\r\n', 1)[0] ?? '';
}

test.each([
  'localhost',
  'localhost:9464',
  'LocalHost.:80',
  '127.0.0.1:9464',
  '127.9.8.7',
  '[::1]:9464',
  '[0:0:0:0:0:0:0:1]',
  '[::ffff:127.0.0.1]',
])('metrics are served to the loopback host %s', async (host) => {
  expect(await statusFor([host])).toBe('HTTP/1.1 200 OK');
});

test.each([
  ['0.0.0.0', '', '0.0.0.0:9464'],
  ['10.0.0.5', '', '10.0.0.5:9464'],
  ['fd00::5', '', '[FD00:0::5]:9464'],
  ['app.internal', '', 'APP.internal'],
  ['0.0.0.0', 'app,10.0.0.5,fd00::5', 'app:9464'],
  ['0.0.0.0', 'app,10.0.0.5,fd00::5', '10.0.0.5'],
  ['0.0.0.0', 'app,10.0.0.5,fd00::5', '[fd00::5]:9464'],
])('with ADMIN_HOST=%s and ADMIN_ALLOWED_HOSTS=%s they are served to %s', async (own, allowed, host) => {
  expect(await statusFor([host], { ADMIN_HOST: own, ADMIN_ALLOWED_HOSTS: allowed })).toBe('HTTP/1.1 200 OK');
});

test.each([
  'evil.example',
  'evil.example:9464',
  'localhost.evil.example',
  'evil.localhost.example',
  '127.0.0.1.evil.example',
  'localhost@evil.example',
  'evil.example@localhost',
  'localhost/evil',
  'localhost evil.example',
  '10.0.0.5',
  '[fd00::1]',
  '0.0.0.0',
  '',
  ':9464',
  '*',
])('they are refused to the host %j', async (host) => {
  expect(await statusFor([host])).toMatch(/^HTTP\/1\.1 4(?:00|21) /);
});

test('they are refused where the request names no host, or two', async () => {
  expect(await statusFor([])).toBe('HTTP/1.1 421 Misdirected Request');
  expect(await statusFor(['localhost', 'evil.example'])).toBe('HTTP/1.1 421 Misdirected Request');
});

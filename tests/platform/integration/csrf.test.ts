import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import request from 'supertest';
import { csrf } from '../../../src/platform/sessions/csrf.ts';
import { serve } from '../../support/http.ts';

const HERE = 'app.example';
const LISTED = 'https://shop.example';

type Served = Awaited<ReturnType<typeof serve>>;

const appWith = (env: Record<string, string> = {}) =>
  serve((app) => {
    app.use(csrf({ allowedOrigins: [LISTED] }));
    app.all('/', (_req, res) => {
      res.json({});
    });
  }, env);

let direct: Served;
let proxied: Served;

beforeAll(async () => {
  direct = await appWith();
  proxied = await appWith({ TRUST_PROXY: '1' });
});

afterAll(async () => {
  await Promise.all([direct.close(), proxied.close()]);
});

const post = (headers: Record<string, string>, app = direct) =>
  request(app.url)
    .post('/')
    .set({ Host: HERE, ...headers });

describe('an unsafe request passes', () => {
  test.each<[string, Record<string, string>]>([
    ['from a page of ours', { 'Sec-Fetch-Site': 'same-origin' }],
    ['that the user began', { 'Sec-Fetch-Site': 'none' }],
    ['from a form of ours with no-referrer', { 'Sec-Fetch-Site': 'same-origin', Origin: 'null' }],
    ['from a listed origin', { 'Sec-Fetch-Site': 'cross-site', Origin: LISTED }],
    ['from a listed origin in an old browser', { Origin: LISTED }],
    ['from a page of ours in an old browser', { Origin: `https://${HERE}` }],
    ['the same, without TLS', { Origin: `http://${HERE}` }],
    ['the same, behind a proxy that adds the port', { Origin: `https://${HERE}`, Host: `${HERE}:443` }],
    ['the same, with another case', { Origin: `https://${HERE}`, Host: 'APP.example' }],
    ['the same, at a port', { Origin: 'http://localhost:3000', Host: 'localhost:3000' }],
    ['the same, at an IPv6 address', { Origin: 'http://[::1]:3000', Host: '[::1]:3000' }],
    ['that comes from no browser', {}],
  ])('%s', async (_name, headers) => {
    await post(headers).expect(200);
  });
});

describe('an unsafe request is refused', () => {
  test.each<[string, Record<string, string>]>([
    ['from another site', { 'Sec-Fetch-Site': 'cross-site', Origin: 'https://evil.example' }],
    ['from another site that hides its origin', { 'Sec-Fetch-Site': 'cross-site', Origin: 'null' }],
    ['from another site that sends no origin', { 'Sec-Fetch-Site': 'cross-site' }],
    ['from a subdomain', { 'Sec-Fetch-Site': 'same-site', Origin: `https://user-content.${HERE}` }],
    [
      'with an origin of ours that Sec-Fetch-Site belies',
      { 'Sec-Fetch-Site': 'cross-site', Origin: `https://${HERE}` },
    ],
    ['with a Sec-Fetch-Site nobody knows', { 'Sec-Fetch-Site': 'same-origin, none' }],
    ['with an empty Sec-Fetch-Site', { 'Sec-Fetch-Site': '' }],
    ['from another site in an old browser', { Origin: 'https://evil.example' }],
    ['from a sandbox in an old browser', { Origin: 'null' }],
    ['from another port', { Origin: `https://${HERE}:8443` }],
    ['from a host that only begins like ours', { Origin: `https://${HERE}.evil.example` }],
    ['from a host that only ends like ours', { Origin: `https://evil-${HERE}` }],
    ['with our host as the user name', { Origin: `https://${HERE}@evil.example` }],
    ['with a user name before our host', { Origin: `https://user@${HERE}` }],
    ['with a user name and a password', { Origin: `https://user:password@${HERE}` }],
    ['with an empty user name', { Origin: `https://@${HERE}` }],
    ['with a path', { Origin: `https://${HERE}/page` }],
    ['with a blank around it', { Origin: `https://${HERE} https://evil.example` }],
    ['with two slashes more', { Origin: `https:////${HERE}` }],
    ['from a file', { Origin: 'file://' }],
    ['from an extension', { Origin: 'chrome-extension://abcdef' }],
    ['with an origin that is none', { Origin: 'x' }],
    ['with an empty origin', { Origin: '' }],
    ['with a host that no URL has', { Origin: 'https://x', Host: 'x:99999' }],
    ['from a listed name without TLS', { Origin: 'http://shop.example' }],
    [
      'with a made-up X-Forwarded-Host',
      { Origin: 'https://evil.example', 'X-Forwarded-Host': 'evil.example' },
    ],
  ])('%s', async (_name, headers) => {
    const response = await post(headers)
      .expect(403)
      .expect('Content-Type', /problem\+json/);
    expect(response.body).toMatchObject({ code: 'CROSS_SITE_REQUEST' });
  });

  test.each(['post', 'put', 'patch', 'delete'] as const)('whatever its method: %s', async (method) => {
    await request(direct.url)[method]('/').set('Sec-Fetch-Site', 'cross-site').expect(403);
  });
});

test.each(['get', 'head', 'options'] as const)('%s passes from anywhere', async (method) => {
  await request(direct.url)[method]('/').set('Sec-Fetch-Site', 'cross-site').expect(200);
});

test('behind a trusted proxy the host is the one the browser asked for', async () => {
  const origin = { Origin: `https://${HERE}`, 'X-Forwarded-Host': HERE };
  await post({ ...origin, Host: 'upstream:3000' }, proxied).expect(200);
  await post({ ...origin, Host: 'upstream:3000' }, direct).expect(403);
});

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Router } from 'express';
import request from 'supertest';
import { cors } from '../../../src/platform/http/middleware/cors.ts';
import { route } from '../../../src/platform/http/route.ts';
import { serve } from '../../support/http.ts';

const LISTED = 'https://shop.example';
const OTHER = 'https://evil.example';

type Served = Awaited<ReturnType<typeof serve>>;

const appWith = (origins: string[]) =>
  serve((app) => {
    app.use(cors({ origins }));
    const router = Router();
    route(router, '/thing', {
      get: (_req, res) => {
        res.json({});
      },
    });
    app.use(router);
  });

let off: Served;
let on: Served;

beforeAll(async () => {
  off = await appWith([]);
  on = await appWith([LISTED, 'http://localhost:5173']);
});

afterAll(async () => {
  await Promise.all([off.close(), on.close()]);
});

const corsHeaders = (headers: Record<string, string>) =>
  Object.keys(headers).filter((name) => name.startsWith('access-control-'));

const preflight = (app: Served, origin: string) =>
  request(app.url).options('/thing').set({
    Origin: origin,
    'Access-Control-Request-Method': 'POST',
    'Access-Control-Request-Headers': 'content-type',
  });

describe('without listed origins', () => {
  test('sends no header', async () => {
    const { headers } = await request(off.url).get('/thing').set('Origin', LISTED).expect(200);
    expect(corsHeaders(headers as Record<string, string>)).toEqual([]);
  });

  test('responds to a preflight like to any OPTIONS', async () => {
    const response = await preflight(off, LISTED).expect(204).expect('Allow', 'GET, HEAD, OPTIONS');
    expect(corsHeaders(response.headers as Record<string, string>)).toEqual([]);
  });
});

describe('with listed origins', () => {
  test.each([LISTED, 'http://localhost:5173'])('lets %s read responses, with cookies', async (origin) => {
    const { headers } = await request(on.url).get('/thing').set('Origin', origin).expect(200);
    expect(headers).toMatchObject({
      'access-control-allow-origin': origin,
      'access-control-allow-credentials': 'true',
      'access-control-expose-headers': expect.stringContaining('RateLimit'),
      vary: expect.stringContaining('Origin'),
    });
  });

  test('responds to their preflights, which may be remembered', async () => {
    const { headers } = await preflight(on, LISTED).expect(204);
    expect(headers).toMatchObject({
      'access-control-allow-origin': LISTED,
      'access-control-allow-methods': expect.stringContaining('POST'),
      'access-control-allow-headers': 'content-type',
      'access-control-max-age': '7200',
      vary: expect.stringContaining('Origin'),
    });
  });

  test.each([
    OTHER,
    'null',
    'https://shop.example.evil.example',
    'https://sub.shop.example',
    'http://shop.example',
    'https://shop.example:8443',
    'HTTPS://SHOP.EXAMPLE',
  ])('does not let %s read responses, and sends Vary for caches', async (origin) => {
    for (const response of [
      await request(on.url).get('/thing').set('Origin', origin).expect(200),
      await preflight(on, origin).expect(204),
    ]) {
      expect(response.headers).not.toHaveProperty('access-control-allow-origin');
      expect(response.headers.vary).toContain('Origin');
    }
  });

  test('sends Vary without an origin too: a cache must not keep the response for the others', async () => {
    const { headers } = await request(on.url).get('/thing').expect(200).expect('Vary', 'Origin');
    expect(corsHeaders(headers as Record<string, string>)).toEqual([]);
  });

  test('returns the methods for an OPTIONS that is not a preflight', async () => {
    await request(on.url).options('/thing').expect(204).expect('Allow', 'GET, HEAD, OPTIONS');
  });
});

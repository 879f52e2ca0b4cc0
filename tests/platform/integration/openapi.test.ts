import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Router } from 'express';
import request from 'supertest';
import ts from 'typescript';
import * as v from 'valibot';
import { endpoint, guard, route, wrap } from '../../../src/platform/http/index.ts';
import { strictObject } from '../../../src/platform/config/index.ts';
import { routesOf } from '../../../src/platform/http/route.ts';
import { openApiDocument, undocumented } from '../../../src/platform/openapi/document.ts';
import type { Content } from '../../fixtures/whole-app/features.mjs';
import { responseChecks, type OpenApi } from '../../support/openapi.ts';
import { lintOpenApi, typesOf } from '../../support/openapi-tools.mjs';
import { createTestApp, type TestApp } from '../../support/test-app.ts';

const nut = v.strictObject({ id: v.number(), name: v.string() });
const name = v.pipe(v.string(), v.maxCodePoints(5), v.trim(), v.nonEmpty());
const page = v.pipe(v.string(), v.regex(/^[1-9]$/), v.transform(Number));

function nuts({ cached, guarded }: Parameters<Content['features']>[1]) {
  const router = Router();
  route(router, '/', {
    get: endpoint({
      summary: 'Nuts & <bolts>',
      query: strictObject({ page: v.optional(page, '1') }),
      responses: { 200: { description: 'A page', schema: v.object({ page: v.number() }) } },
      cached: (loader) => cached({ ttl: 60 }, loader),
      load: ({ query }) => ({ page: query.page }),
    }),
    post: endpoint({
      summary: 'Add a nut',
      guards: guarded,
      body: strictObject({ name, of: v.optional(strictObject({ id: v.number() })) }),
      responses: { 201: { description: 'The nut', schema: nut } },
      errors: ['CONFLICT'],
      handler: (_req, res, { body }) => res.status(201).json({ id: 1, name: body.name }),
    }),
  });
  route(router, '/:id', {
    get: endpoint({
      summary: 'A nut',
      params: v.object({ id: page }),
      responses: { 200: { description: 'The nut', schema: nut } },
      guards: [
        guard(
          (_req, _res, next) => {
            next();
          },
          ['FORBIDDEN'],
        ),
      ],
      // The id of another type than the document has.
      handler: (_req, res, { params }) => res.json({ id: params.id === 9 ? '9' : params.id, name: 'nut' }),
    }),
    delete: wrap((_req, res) => res.end()),
  });
  return router;
}

const content: Content = {
  features: ((router, toolkit) => {
    router.use('/api/nuts', nuts(toolkit));
    return {};
  }) as Content['features'],
  jobs: () => [],
};

let app: TestApp;
let document: OpenApi;
beforeAll(async () => {
  app = await createTestApp({ API_DOCS: 'on' }, content);
  document = (await request(app.app).get('/openapi.json').expect(200)).body as OpenApi;
});
afterAll(() => app.close());

describe('an endpoint', () => {
  test('gets what its schemas made of the input', async () => {
    await request(app.app).get('/api/nuts/7').expect(200, { id: 7, name: 'nut' });
    const { headers } = await request(app.app).get('/api/nuts?page=2').expect(200, { page: 2 });
    expect(headers).toMatchObject({ 'x-cache': 'MISS' });
    expect((await request(app.app).get('/api/nuts?page=2')).headers).toMatchObject({ 'x-cache': 'HIT' });
  });

  test('with bad input is a 400 that names the field', async () => {
    for (const path of ['/api/nuts/x', '/api/nuts?page=x']) {
      const response = await request(app.app).get(path).expect(400);
      expect(response.body).toMatchObject({ code: 'VALIDATION_FAILED' });
    }
  });

  test('has a deadline that is checked', () => {
    const make = () => endpoint({ summary: '', responses: {}, handler: () => undefined, timeoutMs: 0 });
    expect(make).toThrow(RangeError);
  });
});

describe('the document', () => {
  test('describes what a client sends, in front of a transform, and strict objects within others', () => {
    const post = document.paths['/api/nuts']?.post;
    const schema = post?.requestBody?.content['application/json']?.schema;
    expect(schema).toEqual({
      type: 'object',
      properties: {
        name: { type: 'string', maxLength: 5, minLength: 1 },
        of: {
          type: 'object',
          properties: { id: { type: 'number' } },
          required: ['id'],
          additionalProperties: false,
        },
      },
      required: ['name'],
      additionalProperties: false,
    });
    expect(document.paths['/api/nuts/{id}']?.get?.parameters).toEqual([
      { name: 'id', in: 'path', required: true, schema: { type: 'string', pattern: '^[1-9]$' } },
    ]);
  });

  test('has the errors of the schemas, the guards and the handler', () => {
    const { post, get } = document.paths['/api/nuts'] ?? {};
    expect(Object.keys(post?.responses ?? {})).toEqual('201 400 401 403 409 413 415 5XX'.split(' '));
    expect(post?.security).toEqual([{ session: [] }]);
    expect(Object.keys(get?.responses ?? {})).toEqual(['200', '304', '400', '5XX']);
    expect(Object.keys(document.paths['/api/nuts/{id}']?.get?.responses ?? {})).toContain('403');
  });

  test('lacks what is made with wrap, which is listed', () => {
    expect(Object.keys(document.paths['/api/nuts/{id}'] ?? {})).toEqual(['get']);
    expect(undocumented(routesOf(app.app))).toEqual(['DELETE /api/nuts/:id']);
  });

  test('refuses an error code that does not exist', () => {
    const one = endpoint({ summary: '', responses: {}, errors: ['NO_SUCH'], handler: () => undefined });
    const options = { title: '', version: '', errors: {}, cookie: '' };
    const make = () => openApiDocument([{ path: '/', method: 'get', endpoint: one }], options);
    expect(make).toThrow('NO_SUCH');
  });

  test('refuses a type that has no JSON', () => {
    const responses = { 200: { description: '', schema: v.date() } };
    const one = endpoint({ summary: '', responses, handler: () => undefined });
    const options = { title: '', version: '', errors: {}, cookie: '' };
    const make = () => openApiDocument([{ path: '/', method: 'get', endpoint: one }], options);
    expect(make).toThrow('date');
  });

  test('finds a response that differs from it', async () => {
    const problemsOf = responseChecks(document);
    const check = async (path: string, template: string) => {
      const { status, type, text } = await request(app.app).get(path);
      return problemsOf([template, 'get'], { status, type, text });
    };
    expect(await check('/api/nuts/1', '/api/nuts/{id}')).toEqual([]);
    expect(await check('/api/nuts/9', '/api/nuts/{id}')).toEqual([expect.stringContaining('must be number')]);
    expect(await check('/api/nuts/x', '/api/nuts/{id}')).toEqual([]);
    expect(await check('/not-there', '/api/nuts/{id}')).toEqual([expect.stringContaining('404 is not in')]);
    expect(await check('/docs', '/api/nuts')).toEqual([expect.stringContaining('200 is text/html')]);
  });

  test("passes Redocly's recommended rules for OpenAPI 3.1", async () => {
    const problems = await lintOpenApi(document);
    const allowed = ['info-license', 'operation-4xx-response'];
    expect(problems.filter(({ ruleId }) => !allowed.includes(ruleId))).toEqual([]);
  });

  test('makes a typed client, with openapi-typescript', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'openapi-'));
    try {
      await writeFile(join(folder, 'api.ts'), await typesOf(document));
      const client = (field: string) => `
import type { paths } from './api.ts';
type Get = paths['/api/nuts/{id}']['get'];
declare const nut: Get['responses'][200]['content']['application/json'];
export const params: Get['parameters']['path'] = { id: '1' };
export const text: string = nut.${field};
`;
      await writeFile(join(folder, 'right.ts'), client('name'));
      await writeFile(join(folder, 'wrong.ts'), client('id'));
      const options = {
        strict: true,
        noEmit: true,
        allowImportingTsExtensions: true,
        skipLibCheck: true,
        types: [],
      };
      const errorsOf = (file: string) =>
        ts.getPreEmitDiagnostics(ts.createProgram([join(folder, file)], options)).map(({ code }) => code);
      expect(errorsOf('right.ts')).toEqual([]);
      expect(errorsOf('wrong.ts')).toEqual([2322]);
    } finally {
      await rm(folder, { recursive: true });
    }
  }, 60_000);
});

describe('GET /docs', () => {
  test('shows each operation, with a form for GET, and nothing that the policy refuses', async () => {
    const { text, headers } = await request(app.app).get('/docs').expect(200);
    expect(text).toContain('Nuts &amp; &lt;bolts&gt;');
    expect(text).toContain(
      '<form method="get" action="/api/nuts/{id}"><label><span>id <small>required</small></span> <input name="id" data-in="path" required>',
    );
    expect(headers['content-security-policy']).not.toContain('unsafe');
    expect(text).not.toMatch(/<script(?! type="module" src=)|<style|\son\w+=|\sstyle=/);
    expect(text.length).toBeLessThan(150_000);
  });

  test('is not there where it is off, as by default outside of development', async () => {
    const off = await createTestApp({}, content);
    for (const path of ['/docs', '/openapi.json']) await request(off.app).get(path).expect(404);
    await off.close();
  });
});

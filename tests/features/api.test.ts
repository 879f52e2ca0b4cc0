import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import request from 'supertest';
import { routesOf } from '../../src/platform/http/index.ts';
import { logIn } from '../support/log-in.ts';
import { invalidFor, responseChecks, validFor, type OpenApi, type Operation } from '../support/openapi.ts';
import { lintOpenApi } from '../support/openapi-tools.mjs';
import { createTestApp, type TestApp } from '../support/test-app.ts';

/** Routes that are made with `wrap` on purpose: `GET /orders/stream`. */
const WITHOUT_DESCRIPTION: string[] = [];

let app: TestApp;
let document: OpenApi;
let problemsOf: ReturnType<typeof responseChecks>;
let operations: { path: string; method: string; operation: Operation }[];

beforeAll(async () => {
  app = await createTestApp({ API_DOCS: 'on' });
  document = (await request(app.app).get('/openapi.json').expect(200)).body as OpenApi;
  problemsOf = responseChecks(document);
  operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );
});
afterAll(() => app.close());

interface Call {
  readonly params: Readonly<Record<string, unknown>>;
  readonly query: Readonly<Record<string, unknown>>;
  readonly body?: unknown;
}

/** Input that an operation takes. */
function validCall({ parameters, requestBody }: Operation): Call {
  const of = (place: string) =>
    Object.fromEntries(
      parameters.filter((one) => one.in === place).map(({ name, schema }) => [name, validFor(schema)]),
    );
  const schema = requestBody?.content['application/json']?.schema;
  return { params: of('path'), query: of('query'), ...(schema && { body: validFor(schema) }) };
}

/** The same with one thing wrong each. */
function invalidCalls(operation: Operation): Call[] {
  const valid = validCall(operation);
  const wrongParameters = operation.parameters.flatMap(({ name, in: place, schema }) =>
    invalidFor(schema).map((value) =>
      place === 'path'
        ? { ...valid, params: { ...valid.params, [name]: value } }
        : { ...valid, query: { ...valid.query, [name]: value } },
    ),
  );
  const { properties: fields, required = [] } =
    operation.requestBody?.content['application/json']?.schema ?? {};
  if (!fields) return wrongParameters;
  const body = valid.body as object;
  const wrongFields = Object.entries(fields).flatMap(([name, schema]) =>
    [7, { no: 1 }, ...invalidFor(schema)]
      .filter((value) => typeof value === 'string' || schema.type === 'string')
      .map((value) => ({ ...valid, body: { ...body, [name]: value } })),
  );
  const incomplete = required.map((name) => ({ ...body, [name]: undefined }));
  const wholes = [{ ...body, notThere: 1 }, [], 'text', ...incomplete].map((one) => ({
    ...valid,
    body: one,
  }));
  return [...wrongParameters, ...wrongFields, ...wholes];
}

/** Sends it, and returns the status and what differs from the document. */
async function send(as: ReturnType<typeof request.agent>, path: string, method: string, call: Call) {
  const url = path.replace(/\{(\w+)\}/g, (_all, name: string) =>
    encodeURIComponent(String(call.params[name])),
  );
  const asked = as[method as 'get'](url).query(call.query);
  const response = await (call.body === undefined
    ? asked
    : asked.set('Content-Type', 'application/json').send(JSON.stringify(call.body)));
  const { status, text } = response as { status: number; text?: string };
  const body: unknown = response.body;
  const content = text ?? (Buffer.isBuffer(body) ? body.toString() : '');
  const problems = problemsOf([path, method], { status, type: response.type, text: content });
  return {
    status,
    problems: problems.map((problem) => `${method} ${url} ${JSON.stringify(call.body)}: ${problem}`),
  };
}

describe('the document of the API', () => {
  test('has every route: make it with endpoint(), or name it in WITHOUT_DESCRIPTION', () => {
    const missing = routesOf(app.app).filter(({ endpoint }) => !endpoint);
    const names = missing.map(({ method, path }) => `${method.toUpperCase()} ${path}`);
    expect(names.filter((name) => !WITHOUT_DESCRIPTION.includes(name))).toEqual([]);
  });

  test("passes Redocly's recommended rules for OpenAPI 3.1", async () => {
    const problems = await lintOpenApi(document);
    // The last: of an API without routes.
    const allowed = ['info-license', 'operation-4xx-response', 'no-unused-components'];
    expect(problems.filter(({ ruleId }) => !allowed.includes(ruleId))).toEqual([]);
  });

  test('has the response of every operation to valid input', async () => {
    for (const { path, method, operation } of operations) {
      const user = await logIn(app);
      const { status, problems } = await send(user, path, method, validCall(operation));
      expect(problems).toEqual([]);
      // 400: the input was not valid. 503: without Redis, what needs one.
      expect([method, path, status === 400 || status === 500]).toEqual([method, path, false]);
    }
  }, 60_000);

  test('has the response of every operation to invalid input', async () => {
    for (const { path, method, operation } of operations) {
      for (const call of invalidCalls(operation)) {
        // Its own, so that no limit of requests refuses it before it is looked at.
        const fresh = await createTestApp();
        try {
          const { status, problems } = await send(await logIn(fresh), path, method, call);
          expect(problems).toEqual([]);
          expect([method, path, call, status]).toEqual([method, path, call, 400]);
        } finally {
          await fresh.close();
        }
      }
    }
  }, 60_000);

  test('has the response of every operation without a login, and to another site', async () => {
    for (const { path, method, operation } of operations) {
      const call = validCall(operation);
      const guest = await send(request.agent(app.app), path, method, call);
      expect(guest.problems).toEqual([]);
      const isGuarded = operation.security.length > 0;
      expect([method, path, !isGuarded || guest.status === 401]).toEqual([method, path, true]);
      const foreign = request.agent(app.app);
      foreign.set('Sec-Fetch-Site', 'cross-site');
      expect((await send(foreign, path, method, call)).problems).toEqual([]);
    }
  }, 60_000);
});

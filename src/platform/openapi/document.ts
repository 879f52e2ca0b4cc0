import type { GenericSchema } from 'valibot';
import type { EndpointResponse } from '../http/endpoint.ts';
import type { ErrorTable } from '../http/errors.ts';
import type { Route } from '../http/route.ts';
import { jsonSchemaOf, type JsonSchema } from './schemas.ts';

export interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query';
  readonly required: boolean;
  readonly schema: JsonSchema;
}

export interface DocumentedResponse {
  readonly description: string;
  readonly content?: Readonly<Record<string, { readonly schema: JsonSchema }>>;
}

export interface DocumentedOperation {
  readonly operationId: string;
  readonly summary: string;
  readonly description?: string;
  readonly tags: readonly string[];
  readonly security: readonly object[];
  readonly parameters: readonly Parameter[];
  readonly requestBody?: { readonly required: true; readonly content: DocumentedResponse['content'] };
  readonly responses: Readonly<Record<string, DocumentedResponse>>;
}

export interface OpenApiDocument {
  readonly openapi: string;
  readonly info: { readonly title: string; readonly version: string };
  readonly paths: Readonly<Record<string, Readonly<Record<string, DocumentedOperation>>>>;
  readonly [field: string]: unknown;
}

export interface DocumentOptions {
  readonly title: string;
  readonly version: string;
  /** All codes, yours and the platform's. */
  readonly errors: ErrorTable;
  /** The session cookie's name. */
  readonly cookie: string;
}

type Endpoint = NonNullable<Route['endpoint']>;

const PROBLEM = 'application/problem+json';

/** @see https://www.rfc-editor.org/rfc/rfc9457 and problemJson in ../http/errors.ts */
const problem = {
  type: 'object',
  required: ['type', 'title', 'status', 'instance', 'requestId', 'code'],
  properties: {
    type: { type: 'string' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string' },
    instance: { type: 'string' },
    requestId: { type: 'string' },
    code: { type: 'string' },
    errors: {
      type: 'array',
      items: {
        type: 'object',
        required: ['field', 'message'],
        properties: { field: { type: 'string' }, message: { type: 'string' } },
      },
    },
    stack: { type: 'array', items: { type: 'string' } },
  },
};

/**
 * The OpenAPI document of all routes that are made with `endpoint`.
 *
 * @throws {Error} when an endpoint names an error code that does not exist, or a type that has no JSON.
 * @see https://spec.openapis.org/oas/v3.1.1.html
 */
export function openApiDocument(routes: readonly Route[], options: DocumentOptions): OpenApiDocument {
  const { title, version, errors, cookie } = options;
  const paths: Record<string, Record<string, DocumentedOperation>> = {};
  for (const { path, method, endpoint } of routes) {
    if (endpoint) (paths[templateOf(path)] ??= {})[method] = operationOf(path, method, endpoint, errors);
  }
  return {
    openapi: '3.1.1',
    info: { title, version },
    servers: [{ url: '/' }],
    paths,
    components: {
      schemas: { Problem: problem },
      securitySchemes: { session: { type: 'apiKey', in: 'cookie', name: cookie } },
    },
  };
}

/** The routes that the document lacks: `GET /api/orders`. */
export function undocumented(routes: readonly Route[]): string[] {
  return routes
    .filter(({ endpoint }) => !endpoint)
    .map(({ method, path }) => `${method.toUpperCase()} ${path}`);
}

/** `/orders/:id` is `/orders/{id}`. */
function templateOf(path: string): string {
  return path.replace(/[:*](\w+)/g, '{$1}');
}

function operationOf(
  path: string,
  method: string,
  { operation }: Endpoint,
  table: ErrorTable,
): DocumentedOperation {
  const { summary, description, params, query, body, guards = [] } = operation;
  const codes = codesOf(operation);
  const words = path.split(/\W+/).filter(Boolean);
  return {
    operationId: [method, ...words]
      .map((word, i) => (i ? word.charAt(0).toUpperCase() + word.slice(1) : word))
      .join(''),
    summary,
    ...(description !== undefined && { description }),
    tags: [words.find((word) => word !== 'api') ?? 'pages'],
    security: guards.some(({ errors }) => errors?.includes('LOGIN_REQUIRED')) ? [{ session: [] }] : [],
    parameters: [...parametersOf('path', params), ...parametersOf('query', query)],
    ...(body && {
      requestBody: {
        required: true,
        content: { 'application/json': { schema: jsonSchemaOf(body, 'input') } },
      },
    }),
    responses: {
      ...Object.fromEntries(
        Object.entries(operation.responses).map(([status, one]) => [status, responseOf(one)]),
      ),
      ...(operation.isCached && { 304: { description: 'Not modified' } }),
      ...errorResponses(codes, table),
      '5XX': { description: 'A failure of the server', content: problemContent([]) },
    },
  };
}

/** Of the schemas, the guards and the handler. */
function codesOf({ params, query, body, guards = [], errors = [] }: Endpoint['operation']): string[] {
  return [
    ...(params || query || body ? ['VALIDATION_FAILED'] : []),
    ...(params ? ['MALFORMED_URL'] : []),
    ...guards.flatMap((one) => one.errors ?? []),
    ...errors,
  ];
}

function parametersOf(place: Parameter['in'], schema: GenericSchema | undefined): Parameter[] {
  if (!schema) return [];
  const { properties = {}, required = [] } = jsonSchemaOf(schema, 'input');
  return Object.entries(properties).map(([name, one]) => ({
    name,
    in: place,
    required: place === 'path' || required.includes(name),
    schema: one,
  }));
}

function responseOf({ description, schema, type }: EndpointResponse): DocumentedResponse {
  if (!schema && type === undefined) return { description };
  const json = schema ? jsonSchemaOf(schema, 'output') : { type: 'string' };
  return { description, content: { [type ?? 'application/json']: { schema: json } } };
}

/** One response per status, with all codes that have it. */
function errorResponses(codes: readonly string[], table: ErrorTable) {
  const byStatus: Record<number, string[]> = {};
  for (const code of new Set(codes)) {
    const [status] = table[code] ?? [];
    if (status === undefined) throw new Error(`the API documents an unknown error code: ${code}`);
    if (status < 500) (byStatus[status] ??= []).push(code);
  }
  return Object.fromEntries(
    Object.entries(byStatus).map(([status, same]) => [
      status,
      {
        description: same.map((code) => `${code}: ${table[code]?.[1] ?? ''}`).join('. '),
        content: problemContent(same),
      },
    ]),
  );
}

function problemContent(codes: readonly string[]) {
  const schema = { $ref: '#/components/schemas/Problem' };
  const exact = { allOf: [schema, { properties: { code: { enum: codes } } }] };
  return { [PROBLEM]: { schema: codes.length > 0 ? exact : schema } };
}

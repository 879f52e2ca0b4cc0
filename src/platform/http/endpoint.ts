import type { Request, RequestHandler, Response } from 'express';
import * as v from 'valibot';
import type { Loader } from '../cache/response-cache.ts';
import type { Guard } from './guard.ts';
import { wrap, type HandlerContext } from './wrap.ts';

type Schema = v.GenericSchema;
type None = v.GenericSchema<unknown, undefined>;

/** What the schemas made of the request; undefined where there is no schema. */
interface Input<Params extends Schema, Query extends Schema, Body extends Schema> {
  readonly params: v.InferOutput<Params>;
  readonly query: v.InferOutput<Query>;
  readonly body: v.InferOutput<Body>;
}

/** A response that is no error. */
export interface EndpointResponse {
  readonly description: string;
  /** Of its JSON. */
  readonly schema?: Schema;
  /** The media type of what is not JSON. */
  readonly type?: string;
}

/** What an operation takes and returns: the document of the API is made from it. */
export interface Operation {
  readonly summary: string;
  readonly description?: string;
  readonly params?: Schema | undefined;
  readonly query?: Schema | undefined;
  readonly body?: Schema | undefined;
  /** By status: all that are no errors. */
  readonly responses: Readonly<Record<number, EndpointResponse>>;
  /** The codes of errors that the handler throws, beside those of the schemas and the guards. */
  readonly errors?: readonly string[];
  /** What a request passes before the handler, in order. */
  readonly guards?: readonly Guard[];
}

interface Schemas<Params extends Schema, Query extends Schema, Body extends Schema> extends Operation {
  readonly params?: Params;
  readonly query?: Query;
  readonly body?: Body;
}

/** Gets what `wrap` gives a handler, and the input. */
interface Handled<Params extends Schema, Query extends Schema, Body extends Schema> {
  readonly handler: (
    req: Request,
    res: Response,
    context: HandlerContext & Input<Params, Query, Body>,
  ) => unknown;
  /** Until the response must have begun: see `wrap`. */
  readonly timeoutMs?: number;
}

/** Makes a response that is cached: a `Loader` with the input. */
interface Loaded<Params extends Schema, Query extends Schema> {
  readonly cached: (loader: Loader) => RequestHandler;
  readonly load: (
    input: Omit<Parameters<Loader>[0], 'params' | 'query'> & Omit<Input<Params, Query, None>, 'body'>,
  ) => unknown;
}

/** The handlers of one method of a path, with their description; for `route`. */
export interface Endpoint {
  readonly operation: Operation & { readonly isCached: boolean };
  readonly handlers: readonly RequestHandler[];
}

/**
 * A handler with a description: its input is checked by schemas (bad input is a 400 that names the fields), and the
 * document of the API has it. At request time it is `wrap` and the schemas, nothing else.
 *
 * @throws {RangeError} when `timeoutMs` is not one that `wrap` takes.
 * @example
 * get: endpoint({
 *   summary: 'One company',
 *   params: companyPath,
 *   responses: { 200: { description: 'The company', schema: companySchema } },
 *   errors: ['NOT_FOUND'],
 *   handler: async (_req, res, { params }) => res.json(await find(params.id)),
 * });
 */
export function endpoint<
  Params extends Schema = None,
  Query extends Schema = None,
  Body extends Schema = None,
>(declared: Schemas<Params, Query, Body> & (Handled<Params, Query, Body> | Loaded<Params, Query>)): Endpoint {
  const isCached = 'load' in declared;
  const last = isCached
    ? declared.cached((input) => declared.load({ ...input, ...inputOf(declared, input) }))
    : wrap((req, res, context) => {
        // Onto the context, which is this call's own: a copy would read its signal.
        return declared.handler(req, res, Object.assign(context, inputOf(declared, req)));
      }, timeout(declared.timeoutMs));
  return { operation: { ...declared, isCached }, handlers: [...(declared.guards ?? []), last] };
}

const timeout = (timeoutMs: number | undefined) => (timeoutMs === undefined ? {} : { timeoutMs });

function inputOf<Params extends Schema, Query extends Schema, Body extends Schema>(
  { params, query, body }: Schemas<Params, Query, Body>,
  request: { readonly params: unknown; readonly query: unknown; readonly body?: unknown },
): Input<Params, Query, Body> {
  return {
    params: params && v.parse(params, request.params),
    query: query && v.parse(query, request.query),
    body: body && v.parse(body, request.body),
  };
}

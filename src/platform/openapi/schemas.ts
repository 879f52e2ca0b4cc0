import { toJsonSchema } from '@valibot/to-json-schema';
import type { GenericSchema } from 'valibot';

/** A JSON Schema, as far as it is read here. */
export interface JsonSchema {
  readonly [keyword: string]: unknown;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
}

/**
 * The JSON Schema of what a client sends, or of what it receives. What JSON Schema cannot express (`v.check`) is left out;
 * say it with `v.metadata` or `v.examples`. A value is described as it is in front of the first `v.transform`.
 *
 * @throws {Error} when a type has no JSON, as a date.
 */
export function jsonSchemaOf(schema: GenericSchema, typeMode: 'input' | 'output'): JsonSchema {
  const { $schema: _dialect, ...json } = toJsonSchema(plain(schema) as GenericSchema, {
    typeMode,
    target: 'draft-2020-12',
    errorMode: 'ignore',
    overrideAction: ({ valibotAction, jsonSchema }) => {
      const { type, requirement } = valibotAction as { type: string; requirement?: number };
      // JSON Schema counts code points, too.
      if (type === 'max_code_points') return { ...jsonSchema, maxLength: requirement };
      return type === 'min_code_points' ? { ...jsonSchema, minLength: requirement } : undefined;
    },
    overrideSchema: ({ errors }) => {
      if (errors) throw new Error(errors.join(' '));
      return undefined;
    },
  });
  return json as unknown as JsonSchema;
}

/** The parts of a valibot schema that hold others. */
interface Parts {
  readonly kind?: string;
  readonly type?: string;
  readonly pipe?: readonly Parts[];
  readonly entries?: Readonly<Record<string, Parts>>;
  readonly wrapped?: Parts;
  readonly item?: Parts;
  readonly options?: readonly Parts[];
}

/** The same without the `v.any()` that our `strictObject` begins with: as an input that would be anything. */
function plain(schema: Parts): Parts {
  const { pipe, entries, wrapped, item, options } = schema;
  if (pipe?.[0]?.type === 'any') {
    const inner = pipe.find(({ kind, type }) => kind === 'schema' && type !== 'any');
    if (inner) return plain(inner);
  }
  return {
    ...schema,
    // The first of a pipe has its own fields again.
    ...(pipe && { pipe: pipe.map(plain) }),
    ...(entries && {
      entries: Object.fromEntries(Object.entries(entries).map(([key, one]) => [key, plain(one)])),
    }),
    ...(wrapped && { wrapped: plain(wrapped) }),
    ...(item && { item: plain(item) }),
    ...(options?.every((one) => typeof one === 'object') && { options: options.map(plain) }),
  };
}

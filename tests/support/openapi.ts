import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';

/** A JSON Schema, as far as it is read here. */
export interface Schema {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly enum?: readonly unknown[];
  readonly examples?: readonly unknown[];
  readonly default?: unknown;
  readonly minimum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
  readonly format?: string;
}

type Content = Readonly<Record<string, { readonly schema: Schema }>>;

export interface Operation {
  readonly security: readonly object[];
  readonly parameters: readonly {
    readonly name: string;
    readonly in: 'path' | 'query';
    readonly required: boolean;
    readonly schema: Schema;
  }[];
  readonly requestBody?: { readonly content: Content };
  readonly responses: Readonly<Record<string, { readonly content?: Content }>>;
}

export interface OpenApi {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: object;
}

/** What is right for most patterns and formats; others need `v.examples` in their schema. */
const CANDIDATES = [
  'a',
  '1',
  'AA',
  '2026-01-01',
  '2026-01-01T00:00:00.000Z',
  'https://a.example',
  'a@a.example',
];
const UUID = '3f0c1f3e-6f0e-4a52-9d4e-0c6c1f0f4b11';

/** A value that a schema takes. */
export function validFor(schema: Schema): unknown {
  const { type, properties = {}, required = [], items, pattern = '', minLength = 0 } = schema;
  const given = schema.examples?.[0] ?? schema.default ?? schema.enum?.[0];
  if (given !== undefined) return given;
  if (type === 'object') {
    // All fields, those that may be left out as well.
    const names = required.length > 0 ? required : Object.keys(properties);
    return Object.fromEntries(names.map((name) => [name, validFor(properties[name] ?? {})]));
  }
  if (type === 'array') return [validFor(items ?? {})];
  if (type === 'integer' || type === 'number') return schema.minimum ?? 1;
  if (type === 'boolean') return true;
  if (schema.format === 'uuid') return UUID;
  const form = new RegExp(pattern, 'u');
  const found = CANDIDATES.find((one) => form.test(one));
  if (found === undefined) throw new Error(`give the schema with the pattern ${pattern} v.examples([…])`);
  return found.padEnd(minLength, found);
}

/** Values that a schema does not take, for a field of a body or a parameter. */
export function invalidFor({ type, maxLength, pattern, enum: words, format }: Schema): unknown[] {
  const values: unknown[] = [];
  if (maxLength !== undefined) values.push('x'.repeat(maxLength + 1));
  if (pattern !== undefined || words || format) values.push('\u0007');
  if (type !== undefined && type !== 'string') values.push('text');
  return values;
}

/** The schemas of a document's responses. */
export function responseChecks(document: OpenApi) {
  const ajv = new Ajv2020({ strict: false, validateFormats: false, allErrors: true });
  ajv.addSchema({ ...document, $id: 'document' });
  const checks = new Map<string, ValidateFunction>();
  const compiled = (pointer: string) => {
    const check = checks.get(pointer) ?? ajv.compile({ $ref: `document#${pointer}` });
    checks.set(pointer, check);
    return check;
  };
  const part = (text: string) => encodeURIComponent(text.replaceAll('~', '~0').replaceAll('/', '~1'));

  /** What is wrong with a response. */
  return (
    [path, method]: readonly [path: string, method: string],
    { status, type, text }: { status: number; type: string; text: string },
  ): string[] => {
    const responses = document.paths[path]?.[method]?.responses ?? {};
    const key = Object.hasOwn(responses, status) ? String(status) : `${String(status)[0] ?? ''}XX`;
    const response = responses[key];
    if (!response) return [`${status} is not in the document: ${text}`];
    const media = type.split(';')[0] ?? '';
    if (!response.content)
      return text === '' ? [] : [`${status} has a body, which the document does not have`];
    if (!response.content[media])
      return [`${status} is ${media}, not ${Object.keys(response.content).join()}`];
    if (!/\bjson$/.test(media)) return [];
    const at = ['', 'paths', path, method, 'responses', key, 'content', media, 'schema'].map(part).join('/');
    const check = compiled(at);
    return check(JSON.parse(text)) ? [] : [`${status}: ${ajv.errorsText(check.errors)}: ${text}`];
  };
}

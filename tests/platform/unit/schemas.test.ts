import { describe, expect, test } from '@jest/globals';
import * as v from 'valibot';
import { readValues } from '../../../src/platform/config/read-values.ts';
import { messageOf, pathOf, problemOf, strictObject } from '../../../src/platform/config/schemas.ts';

/** The problems of an input, each as its path and its message. */
const problemsOf = (schema: v.GenericSchema, input: unknown) =>
  (v.safeParse(schema, input, { message: messageOf }).issues ?? []).map((issue) => [
    pathOf(issue),
    issue.message,
  ]);

describe('strictObject', () => {
  const schema = strictObject({
    a: v.optional(v.string()),
    inner: v.optional(strictObject({ b: v.number() })),
  });

  test('returns its fields', () => {
    expect(v.parse(schema, { inner: { b: 1 }, a: 'x' })).toEqual({ a: 'x', inner: { b: 1 } });
    expect(v.parse(schema, {})).toEqual({});
  });

  test.each([[[]], [null], [undefined], ['text'], [7], [() => undefined]])('refuses %p', (input) => {
    expect(problemsOf(schema, input)).toEqual([['', 'must be an object']]);
  });

  test('reports all unknown fields at once, at the object that has them, beside what else is wrong', () => {
    expect(problemsOf(schema, { a: 1, x: 1, '"': 1 })).toEqual([
      ['a', 'must be a string'],
      ['', 'has unknown fields: "x", "\\""'],
    ]);
    expect(problemsOf(schema, { inner: { y: 1 } })).toEqual([
      ['inner.b', 'is missing'],
      ['inner', 'has unknown fields: "y"'],
    ]);
  });

  test.each(['__proto__', 'constructor', 'toString'])('refuses %s as unknown', (name) => {
    expect(problemsOf(schema, JSON.parse(`{"${name}":1}`))).toEqual([['', `has unknown fields: "${name}"`]]);
  });
});

describe('a schema without messages of its own', () => {
  const SECRET = 'sekrit';

  test.each<[v.GenericSchema, unknown, string]>([
    [v.number(), SECRET, 'must be a number'],
    [v.boolean(), SECRET, 'must be true or false'],
    [v.array(v.string()), SECRET, 'must be an array'],
    [v.object({}), SECRET, 'must be an object'],
    [v.picklist(['a', 'b']), SECRET, 'must be ("a" | "b")'],
    [v.pipe(v.string(), v.maxLength(3)), SECRET, 'is not valid (max length <=3)'],
    [v.pipe(v.string(), v.regex(/^a$/)), SECRET, 'is not valid (regex /^a$/)'],
    [v.pipe(v.string(), v.startsWith('a')), SECRET, 'is not valid (starts with "a")'],
    [v.pipe(v.string(), v.email()), SECRET, 'is not valid (email)'],
    [
      v.pipe(
        v.string(),
        v.check(() => false),
      ),
      SECRET,
      'is not valid (check)',
    ],
    [v.strictObject({}), { [SECRET]: SECRET }, 'has unknown fields: "sekrit"'],
    [v.string(), undefined, 'is missing'],
  ])('reports what is wrong without the value (%#)', (schema, input, message) => {
    expect(problemsOf(schema, input)).toEqual([['', message]]);
  });

  test('does not repeat a value of the configuration either', () => {
    const { values, problems } = readValues(
      { SECRET: v.pipe(v.string(), v.regex(/^a$/)) },
      { SECRET },
      '/nonexistent/.env',
    );
    expect({ values, problems }).toEqual({ values: {}, problems: ['SECRET is not valid (regex /^a$/)'] });
  });
});

test('an issue in one line begins with its path, where it has one', () => {
  const { issues } = v.safeParse(v.array(v.object({ id: v.number('must be a number') })), [{ id: 'x' }]);
  expect(issues?.map(problemOf)).toEqual(['0.id must be a number']);
  expect(v.safeParse(v.number('must be a number'), 'x').issues?.map(problemOf)).toEqual(['must be a number']);
});

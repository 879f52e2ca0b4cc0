import * as v from 'valibot';

/** What people call a type, by valibot's name for it. */
const TYPE_NAMES: Readonly<Record<string, string>> = {
  string: 'a string',
  number: 'a number',
  boolean: 'true or false',
  Array: 'an array',
  Object: 'an object',
};

/** An object with these fields and no other: a misspelt field is reported, not ignored. */
export function strictObject<const Entries extends v.ObjectEntries>(entries: Entries) {
  return v.pipe(
    v.any(),
    // Arrays are objects to valibot, and an empty one would pass where every field is optional.
    v.check(
      (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
      'must be an object',
    ),
    v.strictObject(entries, (issue) => {
      if (!isUnknownField(issue)) return messageOf(issue);
      // All of them: valibot stops at the first.
      const names = Object.keys(issue.path?.[0].input as object);
      return hasUnknownFields(names.filter((name) => !Object.hasOwn(entries, name)));
    }),
  );
}

/** What is wrong, where the schema has no message: valibot's own repeats the value, which may be a secret. */
export function messageOf(issue: v.BaseIssue<unknown>): string {
  const { kind, type, input, expected } = issue;
  if (isUnknownField(issue)) return hasUnknownFields([String(issue.path?.at(-1)?.key)]);
  if (input === undefined) return 'is missing';
  if (kind === 'schema' && expected) return `must be ${TYPE_NAMES[expected] ?? expected}`;
  return `is not valid (${type.replaceAll('_', ' ')}${expected ? ` ${expected}` : ''})`;
}

/** Where it is wrong: a path with dots, empty for the whole. For an unknown field it is the object that has it. */
export function pathOf(issue: v.BaseIssue<unknown>): string {
  const keys = (issue.path ?? []).map(({ key }) => String(key));
  return (isUnknownField(issue) ? keys.slice(0, -1) : keys).join('.');
}

/** An issue in one line. Of all that an issue holds, only the path and the message may be logged. */
export function problemOf(issue: v.BaseIssue<unknown>): string {
  return `${pathOf(issue)} ${issue.message}`.trimStart();
}

function isUnknownField({ type, expected }: v.BaseIssue<unknown>): boolean {
  return type === 'strict_object' && expected === 'never';
}

function hasUnknownFields(names: readonly string[]): string {
  return `has unknown fields: ${names.map((name) => JSON.stringify(name)).join(', ')}`;
}

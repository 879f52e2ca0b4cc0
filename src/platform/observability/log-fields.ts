import { IncomingMessage, ServerResponse } from 'node:http';
import { types } from 'node:util';
import { isErrorObject } from './plain-objects.ts';
import { toPlain } from './plain.ts';
import { isSecretName, redactText } from './redact.ts';

export type PlainFields = (fields: object) => Record<string, unknown>;

/** Texts beyond this many characters take the longer way. */
const MAX_FLAT_TEXT = 1024;

/** So many names of fields are remembered; more are none that code chose. */
const MAX_NAMES = 1000;

/**
 * Makes the fields of log lines plain (`toPlain`), with a shorter way for what most lines are: a few numbers and short
 * texts with harmless names. Clients have no part in it: the names that it remembers are those in the code.
 */
export function createPlainFields(): PlainFields {
  const harmless = new Map<string, boolean>();
  const isHarmlessName = (name: string): boolean => {
    let known = harmless.get(name);
    if (known === undefined) {
      known = !isSecretName(name) && name !== '__proto__';
      if (harmless.size < MAX_NAMES && name.length <= 64) harmless.set(name, known);
    }
    return known;
  };
  return (fields) => flatCopy(fields, isHarmlessName) ?? allFields(fields);
}

/** @returns undefined where any field needs a closer look. */
function flatCopy(fields: object, isHarmlessName: (name: string) => boolean) {
  if (types.isProxy(fields) || Object.getPrototypeOf(fields) !== Object.prototype) return undefined;
  const copy: Record<string, unknown> = {};
  try {
    for (const name of Object.keys(fields)) {
      const value = (fields as Record<string, unknown>)[name];
      if (value === undefined) continue;
      if (!isHarmless(value) || !isHarmlessName(name)) return undefined;
      copy[name] = value;
    }
  } catch {
    // A getter.
    return undefined;
  }
  return copy;
}

function isHarmless(value: unknown): boolean {
  if (typeof value === 'string') return value.length <= MAX_FLAT_TEXT && redactText(value) === value;
  return typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value));
}

/** What is logged alone, `log.error(err)` or `log.info(req)`, gets the name that it has elsewhere. */
function allFields(fields: object): Record<string, unknown> {
  const plain = toPlain(fields);
  const name = nameFor(fields);
  const isFields = typeof plain === 'object' && plain !== null && !Array.isArray(plain);
  return isFields && name === undefined ? (plain as Record<string, unknown>) : { [name ?? 'value']: plain };
}

function nameFor(value: object): string | undefined {
  try {
    if (isErrorObject(value)) return 'err';
    if (value instanceof IncomingMessage) return 'req';
    return value instanceof ServerResponse ? 'res' : undefined;
  } catch {
    return undefined;
  }
}

import { z } from 'zod';

/** Who may log in, as USERS lists them. */
export interface UserEntry {
  readonly id: string;
  readonly name: string;
  /** scrypt in the PHC form. */
  readonly passwordHash: string;
}

/**
 * scrypt in the PHC string format: 2^ln is N, salt and key are base64 without padding. Bounded, because a hash says
 * how much work checking it is: ln=17 are 128 MiB.
 *
 * @see https://github.com/P-H-C/phc-string-format/blob/master/phc-sf-spec.md
 */
export const PASSWORD_HASH =
  /^\$scrypt\$ln=(?<ln>1[3-7]),r=(?<r>8),p=(?<p>[1-9]|10)\$(?<salt>[A-Za-z0-9+/]{22,86})\$(?<key>[A-Za-z0-9+/]{43,86})$/;

const FORM =
  'must be a JSON array of { "id": "…", "name": "…", "passwordHash": "…" }, the hash made by: npm run -s hash-password';

const label = z
  .string()
  .regex(/^\P{Cc}{1,256}$/u)
  .transform(sameName);

const entries = z.array(
  z.strictObject({ id: label, name: label, passwordHash: z.string().regex(PASSWORD_HASH) }),
);

/** One form for names that look the same, however a keyboard composed their accents. */
export function sameName(name: string): string {
  return name.normalize('NFC');
}

/** The users as JSON text. A problem tells its place, never a value: hashes are secrets. */
export function users() {
  return z.string().transform((text, context): readonly UserEntry[] => {
    const parsed = entries.safeParse(parseJson(text));
    for (const { path } of parsed.error?.issues ?? []) {
      context.addIssue(path.length > 0 ? `${FORM}; wrong: ${path.map(String).join('.')}` : FORM);
    }
    if (!parsed.success) return z.NEVER;
    for (const field of ['id', 'name'] as const) {
      const distinct = new Set(parsed.data.map((entry) => entry[field]));
      if (distinct.size < parsed.data.length) context.addIssue(`has two users with the same ${field}`);
    }
    return parsed.data;
  });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

import * as v from 'valibot';
import { pathOf, strictObject } from '../../platform/config/index.ts';

/**
 * scrypt in the PHC string format: 2^ln is N, salt and key are base64 without padding. Bounded, because the
 * hash sets how much work checking it is: ln=17 are 128 MiB.
 *
 * @see https://github.com/P-H-C/phc-string-format/blob/master/phc-sf-spec.md
 */
export const PASSWORD_HASH =
  /^\$scrypt\$ln=(?<ln>1[3-7]),r=(?<r>8),p=(?<p>[1-9]|10)\$(?<salt>[A-Za-z0-9+/]{22,86})\$(?<key>[A-Za-z0-9+/]{43,86})$/;

const FORM =
  'must be a JSON array of { "id": "…", "name": "…", "passwordHash": "…" }, the hash made by: npm run -s hash-password';

const label = v.pipe(v.string(), v.regex(/^\P{Cc}{1,256}$/u), v.transform(sameName));

const entry = strictObject({
  id: label,
  name: label,
  passwordHash: v.pipe(v.string(), v.regex(PASSWORD_HASH)),
});

const entries = v.pipe(v.string(), v.parseJson(), v.array(entry));

/** Who may log in, as USERS lists them; the hash is scrypt in the PHC form. */
export type UserEntry = Readonly<v.InferOutput<typeof entry>>;

/** One form for names that look the same, however a keyboard composed their accents. */
export function sameName(name: string): string {
  return name.normalize('NFC');
}

/** The users as JSON text. A problem names its place, never a value: hashes are secrets. */
export function users() {
  return v.pipe(
    v.string(),
    v.rawTransform(({ dataset, addIssue, NEVER }): readonly UserEntry[] => {
      const { success, output, issues } = v.safeParse(entries, dataset.value);
      for (const path of (issues ?? []).map(pathOf)) {
        addIssue({ message: path ? `${FORM}; wrong: ${path}` : FORM });
      }
      if (!success) return NEVER;
      for (const field of ['id', 'name'] as const) {
        const distinct = new Set(output.map((entry) => entry[field]));
        if (distinct.size < output.length) addIssue({ message: `has two users with the same ${field}` });
      }
      return output;
    }),
  );
}

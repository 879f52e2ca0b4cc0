import { z } from 'zod';

/** One line of text: no control characters, which have no place in a name and confuse logs and terminals. */
function line(maxLength: number) {
  return z
    .string()
    .trim()
    .min(1, 'must not be empty')
    .max(maxLength, `must have at most ${maxLength} characters`)
    .regex(/^\P{Cc}*$/u, 'must not contain control characters');
}

/** A company as it is kept and as clients see it. */
export const companySchema = z.strictObject({
  /** From 1. */
  id: z.int().min(1),
  name: line(100),
  /** ISO 3166-1 alpha-2, of the headquarters. */
  country: z.string().regex(/^[A-Z]{2}$/, 'must be a country code of two capital letters, for example JP'),
  /** Of the headquarters. */
  city: line(100),
  sector: line(50),
  /** The year. */
  founded: z.int().min(1).max(2100),
  website: z
    .url({ protocol: /^https$/, hostname: z.regexes.domain, error: 'must be an https:// URL' })
    .max(200),
});

export type Company = Readonly<z.infer<typeof companySchema>>;

/** What may be changed: one field or more, all but the id. */
export const changesSchema = companySchema
  .omit({ id: true })
  .partial()
  .refine((changes) => Object.keys(changes).length > 0, 'must change at least one field');

export type CompanyChanges = Readonly<z.infer<typeof changesSchema>>;

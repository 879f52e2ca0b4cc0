import * as v from 'valibot';
import { strictObject } from '../../platform/config/index.ts';
import { integer } from './parameters.ts';

/** With a name of letters, not an address, and not a name without a dot, which is one only in some network. */
const DOMAIN = /^(?=.{1,253}$)([a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?\.)+[a-zA-Z]{2,63}$/;

/** A user name in front of the host, which makes people believe that it is the host. */
const HAS_USER = /^https:[\\/]*[^\\/?#]*@/i;

const NO_WEBSITE = 'must be an https:// URL';

/** One line of text: no control characters, which confuse logs and terminals, and no half of a character (a lone surrogate). */
function line(maxLength: number) {
  return v.pipe(
    v.string(),
    v.maxCodePoints(maxLength, `must have at most ${maxLength} characters`),
    v.trim(),
    v.nonEmpty('must not be empty'),
    v.regex(/^[^\p{Cc}\p{Cs}]*$/u, 'must not contain control characters'),
  );
}

/** What may be changed of a company. */
const changeable = {
  name: line(100),
  /** ISO 3166-1 alpha-2, of the headquarters. */
  country: v.pipe(
    v.string(),
    v.regex(/^[A-Z]{2}$/, 'must be a country code of two capital letters, for example JP'),
    v.examples(['JP']),
  ),
  /** Of the headquarters. */
  city: line(100),
  sector: line(50),
  /** The year. */
  founded: integer(1, 2100),
  website: v.pipe(
    v.string(NO_WEBSITE),
    v.maxCodePoints(200, NO_WEBSITE),
    v.trim(),
    v.examples(['https://www.example.com']),
    // Tabs and line breaks, which a URL parser passes over.
    v.transform((text) => text.replace(/[\t\n\r]/g, '')),
    // Other control characters, and backslashes, which are slashes to a browser and part of a user name to others.
    v.regex(/^[^\\\p{Cc}\p{Cs}]*$/u, NO_WEBSITE),
    v.check(isWebsite, NO_WEBSITE),
  ),
};

const fields = {
  /** From 1. */
  id: integer(1, Number.MAX_SAFE_INTEGER),
  ...changeable,
};

/** The names of a company's fields, in their order. */
export const COMPANY_FIELDS = Object.keys(fields);

/** A company as it is kept and as clients see it. */
export const companySchema = strictObject(fields);

export type Company = Readonly<v.InferOutput<typeof companySchema>>;

const count = v.pipe(v.number(), v.safeInteger());

/** The response of the list. */
export const companyPage = v.strictObject({
  items: v.array(companySchema),
  page: count,
  pageSize: count,
  total: count,
  pages: count,
});

/** The response of a search. */
export const foundCompanies = v.strictObject({ items: v.array(companySchema), total: count });

/** One field or more, all but the id. */
export const changesSchema = v.pipe(
  strictObject(v.partial(v.object(changeable)).entries),
  v.check((changes) => Object.keys(changes).length > 0, 'must change at least one field'),
);

export type CompanyChanges = Readonly<v.InferOutput<typeof changesSchema>>;

function isWebsite(text: string): boolean {
  try {
    const { protocol, hostname } = new URL(text);
    return protocol === 'https:' && DOMAIN.test(hostname) && !HAS_USER.test(text);
  } catch {
    return false;
  }
}

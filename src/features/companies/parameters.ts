import * as v from 'valibot';

/** A whole number from 1 to `max`, written in plain digits: `Number` alone would take 1e3, 0x10, 01 and 1.5. */
export function wholeNumber(max: number) {
  const message = `must be a whole number from 1 to ${max}`;
  return v.pipe(
    v.string(message),
    v.regex(/^[1-9]\d{0,14}$/, message),
    v.transform(Number),
    v.maxValue(max, message),
  );
}

/** A whole number of JSON. */
export function integer(min: number, max: number) {
  const message = `must be a whole number from ${min} to ${max}`;
  return v.pipe(
    v.number(message),
    v.check((value) => Number.isInteger(value) && value >= min && value <= max, message),
    v.metadata({ type: 'integer', minimum: min, maximum: max }),
  );
}

/** The parameters in the path of one company. */
export const companyPath = v.object({ id: wholeNumber(999_999_999) });

export type CompanyPath = v.InferOutput<typeof companyPath>;

/** The conditions that the list and the search have in common. Lengths count before blanks are taken off. */
export const condition = {
  q: v.pipe(v.string(), v.maxCodePoints(100, 'must have at most 100 characters'), v.trim()),
  country: v.pipe(
    v.string(),
    v.toUpperCase(),
    v.regex(/^[A-Z]{2}$/, 'must be a country code of two letters, for example JP'),
    v.examples(['JP']),
  ),
  sector: v.pipe(v.string(), v.maxCodePoints(50, 'must have at most 50 characters'), v.trim()),
};

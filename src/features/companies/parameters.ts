import { z } from 'zod';

/** A whole number from 1 to `max`, written in plain digits: `Number` alone would take 1e3, 0x10, 01 and 1.5. */
export function wholeNumber(max: number) {
  const message = `must be a whole number from 1 to ${max}`;
  return z
    .string(message)
    .regex(/^[1-9]\d{0,14}$/, message)
    .transform(Number)
    .refine((value) => value <= max, message);
}

/** The parameters in the path of one company. */
export const companyPath = z.object({ id: wholeNumber(999_999_999) });

/** The conditions that the list and the search have in common. */
export const condition = {
  q: z.string().trim().max(100, 'must have at most 100 characters'),
  country: z
    .string()
    .toUpperCase()
    .regex(/^[A-Z]{2}$/, 'must be a country code of two letters, for example JP'),
  sector: z.string().trim().max(50, 'must have at most 50 characters'),
};

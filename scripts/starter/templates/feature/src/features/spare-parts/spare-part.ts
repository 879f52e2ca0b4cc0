import * as v from 'valibot';
import { strictObject } from '../../platform/config/index.ts';

/** What its owner writes. Add your fields here. */
const fields = {
  name: v.pipe(
    v.string(),
    v.maxCodePoints(100, 'must have at most 100 characters'),
    v.trim(),
    v.nonEmpty('must not be empty'),
  ),
};

/** The body of POST. */
export const newSparePart = strictObject(fields);

/** The body of PATCH: fields, and the version that the client has read. */
export const sparePartChanges = strictObject({
  ...v.partial(v.object(fields)).entries,
  version: v.pipe(v.number(), v.safeInteger('must be a whole number')),
});

export type SparePartChanges = Readonly<v.InferOutput<typeof sparePartChanges>>;

/** A spare part as it is stored, and as its owner sees it. */
export const sparePartSchema = v.strictObject({
  ...fields,
  id: v.pipe(v.string(), v.uuid()),
  /** The id of the user that it belongs to. */
  owner: v.string(),
  /** From 1; each change adds 1. */
  version: v.pipe(v.number(), v.safeInteger()),
  /** In UTC. */
  createdAt: v.pipe(v.string(), v.isoTimestamp()),
});

export type SparePart = Readonly<v.InferOutput<typeof sparePartSchema>>;

const count = v.pipe(v.number(), v.safeInteger());

/** The response of the list. */
export const sparePartPage = v.strictObject({
  items: v.array(sparePartSchema),
  total: count,
  page: count,
  pages: count,
});

/** The parameters in the path of one spare part. */
export const sparePartPath = v.object({ id: v.pipe(v.string(), v.uuid('must be a UUID')) });

/** The query of the list. */
export const pageQuery = strictObject({
  page: v.optional(
    v.pipe(
      v.string(),
      v.regex(/^[1-9]\d{0,5}$/, 'must be a whole number from 1 to 999999'),
      v.transform(Number),
    ),
    '1',
  ),
});

/** The changed spare part, or `conflict` if it is not the version that the client has read. */
export function withChanges(found: SparePart, changes: SparePartChanges): SparePart | 'conflict' {
  if (found.version !== changes.version) return 'conflict';
  return Object.assign({ ...found }, changes, { version: found.version + 1 });
}

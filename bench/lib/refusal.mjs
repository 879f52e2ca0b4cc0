/** The benchmark can't be run as it was asked: one line that tells how to mend it. Nothing was started. */
export class Refusal extends Error {
  name = 'Refusal';
}

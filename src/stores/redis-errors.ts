/** Whether the error says that a key holds something of another kind than was asked for: none of ours, then. */
export function isWrongType(thrown: unknown): boolean {
  return thrown instanceof Error && thrown.message.startsWith('WRONGTYPE ');
}

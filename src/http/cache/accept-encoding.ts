/** The encodings a cached answer may have, in the order we like them. */
export const ENCODINGS = ['br', 'gzip', 'identity'] as const;
export type Encoding = (typeof ENCODINGS)[number];

/** There are about a dozen values in the wild. Where a client makes up new ones, remembering them is of no use. */
const MAX_REMEMBERED = 100;

/**
 * What an Accept-Encoding header asks for, best first: by the client's weights, then ours. Remembers what it parsed,
 * because almost all clients send one of a few values.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-12.5.3
 */
export function encodingPreference(): (header: string | undefined) => readonly Encoding[] {
  const remembered = new Map<string, readonly Encoding[]>();
  return (header = '') => {
    const known = remembered.get(header);
    if (known) return known;
    const preference = parse(header);
    if (remembered.size >= MAX_REMEMBERED) remembered.clear();
    remembered.set(header, preference);
    return preference;
  };
}

function parse(header: string): readonly Encoding[] {
  const weights = new Map<string, number>();
  for (const item of header.toLowerCase().split(',')) {
    const [coding = '', ...parameters] = item.split(';').map((part) => part.trim());
    const weight = parameters.find((parameter) => parameter.startsWith('q='));
    if (coding) weights.set(coding === 'x-gzip' ? 'gzip' : coding, weight ? Number(weight.slice(2)) || 0 : 1);
  }
  const others = weights.get('*');
  // Not to be encoded is always acceptable, but of no preference, until it is said otherwise.
  const weightOf = (coding: Encoding) =>
    weights.get(coding) ?? (coding === 'identity' ? (others ?? 0.0001) : (others ?? 0));
  return ENCODINGS.filter((coding) => weightOf(coding) > 0).sort((a, b) => weightOf(b) - weightOf(a));
}

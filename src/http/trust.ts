/** What `app.get('trust proxy fn')` is: whether the address, so many hops away, may say who the client is. */
export type Trusts = (address: string | undefined, hop: number) => boolean;

/** More proxies than anybody has. Clients can make addresses up, in X-Forwarded-For. */
const MAX_KNOWN = 1000;

/** The longest an IPv6 address is written, with a zone. */
const MAX_ADDRESS_LENGTH = 64;

/**
 * Remembers what was said about an address. Express parses address and list anew each time it is asked, at least twice
 * a request; behind a proxy it is the same few addresses for years.
 *
 * @param trusts - must not depend on the hop: a list of addresses, not a count.
 */
export function rememberTrust(trusts: Trusts): Trusts {
  const known = new Map<string, boolean>();
  return (address, hop) => {
    if (address === undefined || address.length > MAX_ADDRESS_LENGTH) return trusts(address, hop);
    const before = known.get(address);
    if (before !== undefined) return before;
    const trusted = trusts(address, hop);
    if (known.size >= MAX_KNOWN) known.clear();
    known.set(address, trusted);
    return trusted;
  };
}

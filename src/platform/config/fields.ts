import { isIP } from 'node:net';
import * as v from 'valibot';
import { hostName } from './addresses.ts';

type Range = Readonly<Record<'min' | 'max' | 'default', number>>;

/** A whole number between `min` and `max`, both included. */
export function integer(range: Range) {
  const message = `must be a whole number from ${range.min} to ${range.max}`;
  return v.optional(numberIn(/^\d{1,15}$/, range, message), String(range.default));
}

/** A number of seconds (or another unit that the key names) that may have a fraction. */
export function decimal(range: Range) {
  const message = `must be a number from ${range.min} to ${range.max}, for example ${range.default}`;
  return v.optional(numberIn(/^\d{1,15}(\.\d{1,6})?$/, range, message), String(range.default));
}

function numberIn(form: RegExp, { min, max }: Range, message: string) {
  const number = v.pipe(v.string(), v.regex(form, message), v.transform(Number));
  return v.pipe(number, v.minValue(min, message), v.maxValue(max, message));
}

/** A switch: on, off, true, false, 1, 0, yes or no. */
export function flag() {
  return v.pipe(
    v.string(),
    v.toLowerCase(),
    v.regex(/^(on|off|true|false|1|0|yes|no)$/, 'must be on or off'),
    v.transform((value) => /^(on|true|1|yes)$/.test(value)),
  );
}

/** One of the words. */
export function oneOf<const Words extends readonly [string, ...string[]]>(words: Words) {
  return v.picklist(words, `must be one of: ${words.join(', ')}`);
}

/** A list with commas between its items; blanks around an item do not count, and empty items are left out. */
export function list() {
  return v.pipe(
    v.string(),
    v.transform((value) => value.split(',').map((item) => item.trim())),
    v.filterItems((item) => item !== ''),
  );
}

/** Web origins such as `https://shop.example`: a scheme and a host, no path. */
export function origins() {
  const isOrigin = (item: string) => URL.canParse(item) && new URL(item).origin === item;
  const message = 'must be a comma list of origins without a path, for example https://shop.example';
  return v.pipe(list(), v.everyItem(isOrigin, message));
}

/** Names or addresses of hosts, without a port: `prometheus.internal`, `10.0.0.5`, `::1`. */
export function hostNames() {
  const isHost = (item: string) => isIP(item) > 0 || (!item.includes(':') && hostName(item) !== undefined);
  const message = 'must be a comma list of hosts without a port, for example metrics.internal,10.0.0.5';
  return v.pipe(list(), v.everyItem(isHost, message));
}

/** A path that means one place, whatever the working directory is. */
export function absolutePath() {
  return v.pipe(v.string(), v.startsWith('/', 'must be an absolute path'));
}

/** What `parse` makes of the text. The message of an error that it throws never repeats the text, which may be a secret. */
export function parsed<Value>(parse: (text: string) => Value) {
  return v.pipe(
    v.string(),
    v.rawTransform(({ dataset, addIssue, NEVER }): Value => {
      try {
        return parse(dataset.value);
      } catch (error) {
        addIssue({ message: (error as Error).message });
        return NEVER;
      }
    }),
  );
}

/** How many workers: a number, or `auto`. */
export function parseConcurrency(text: string): number | 'auto' {
  if (text === 'auto') return text;
  if (/^[1-9]\d{0,2}$/.test(text) && Number(text) <= 512) return Number(text);
  throw new Error('must be auto or a number of workers from 1 to 512');
}

/**
 * Which hops in front of the app may name the client: `false`, the number of proxies, or their addresses. `true` would let
 * every client invent its own address, and so avoid every rate limit.
 *
 * @see https://expressjs.com/en/guide/behind-proxies.html
 */
export function parseTrustedProxies(text: string): false | number | string[] {
  if (/^(false|off|no|0)$/i.test(text)) return false;
  if (/^[1-9]\d?$/.test(text)) return Number(text);
  const subnets = text.split(',').map((item) => item.trim());
  if (subnets.every(isSubnet)) return subnets;
  throw new Error(
    'must be how many proxies stand in front of the app (1, 2 …) or a comma list of their addresses ' +
      '(loopback, 10.0.0.0/8); never true, which would believe any X-Forwarded-For',
  );
}

function isSubnet(item: string): boolean {
  if (['loopback', 'linklocal', 'uniquelocal'].includes(item)) return true;
  const [address = '', bits, ...rest] = item.split('/');
  const version = isIP(address);
  if (version === 0 || rest.length > 0) return false;
  // Zero bits are every address, which is TRUST_PROXY=true by another name.
  return bits === undefined || (/^[1-9]\d{0,2}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128));
}

import { isIP } from 'node:net';
import * as v from 'valibot';
import { hostName } from './host-name.ts';
import { parseRedisUrl } from './redis-url.ts';

/** A whole number between `min` and `max`, both included. */
export function integer(range: { min: number; max: number; default: number }) {
  const message = `must be a whole number from ${range.min} to ${range.max}`;
  return v.optional(numberIn(/^\d{1,15}$/, range, message), String(range.default));
}

const DECIMAL = /^\d{1,15}(\.\d{1,6})?$/;

/** A number of seconds (or another unit the key names) that may have a fraction. */
export function decimal(range: { min: number; max: number; default: number }) {
  const message = `must be a number from ${range.min} to ${range.max}, for example ${range.default}`;
  return v.optional(numberIn(DECIMAL, range, message), String(range.default));
}

/** The same without a default of its own. */
export function optionalDecimal(range: { min: number; max: number; example: number }) {
  const message = `must be a number from ${range.min} to ${range.max}, for example ${range.example}`;
  return v.optional(numberIn(DECIMAL, range, message));
}

function numberIn(form: RegExp, range: { min: number; max: number }, message: string) {
  return v.pipe(
    v.string(),
    v.regex(form, message),
    v.transform(Number),
    v.check((value) => value >= range.min && value <= range.max, message),
  );
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

/** A list with commas between its items; spaces around an item do not count, empty items fall out. */
export function list() {
  return v.pipe(
    v.string(),
    v.transform((value) =>
      value
        .split(',')
        .map((item) => item.trim())
        .filter((item) => item !== ''),
    ),
  );
}

/** Web origins such as `https://shop.example`: a scheme and a host, no path. */
export function origins() {
  return v.pipe(
    list(),
    v.everyItem(
      (item) => URL.canParse(item) && new URL(item).origin === item,
      'must be a comma list of origins without a path, for example https://shop.example',
    ),
  );
}

/** Names or addresses of hosts, without a port: `prometheus.internal`, `10.0.0.5`, `::1`. */
export function hostNames() {
  return v.pipe(
    list(),
    v.everyItem(
      (item) => isIP(item) > 0 || (!item.includes(':') && hostName(item) !== undefined),
      'must be a comma list of host names or addresses without a port, for example metrics.internal,10.0.0.5',
    ),
  );
}

/** Where Redis is. A problem never says the URL, which may hold a password. */
export function redisUrl() {
  return v.pipe(
    v.string(),
    v.rawTransform(({ dataset, addIssue, NEVER }) => {
      try {
        return parseRedisUrl(dataset.value);
      } catch (error) {
        addIssue({ message: (error as Error).message });
        return NEVER;
      }
    }),
  );
}

/** How many workers: a number, or `auto`. */
export function concurrency() {
  return v.pipe(
    v.string(),
    v.rawTransform(({ dataset: { value }, addIssue, NEVER }) => {
      if (value === 'auto') return value;
      if (/^[1-9]\d{0,2}$/.test(value) && Number(value) <= 512) return Number(value);
      addIssue({ message: 'must be auto or a number of workers from 1 to 512' });
      return NEVER;
    }),
  );
}

/** A path that means one place, whatever the working directory is. */
export function absolutePath() {
  return v.pipe(v.string(), v.startsWith('/', 'must be an absolute path'));
}

const NAMED_SUBNETS = new Set(['loopback', 'linklocal', 'uniquelocal']);

/**
 * Which hops in front of the app may say who the client is: `false`, how many proxies there are, or their addresses.
 * `true` would let every client make up its own address, and so walk around every rate limit.
 *
 * @see https://expressjs.com/en/guide/behind-proxies.html
 */
export function trustedProxies() {
  return v.pipe(
    v.string(),
    v.rawTransform(({ dataset: { value }, addIssue, NEVER }) => {
      if (/^(false|off|no|0)$/i.test(value)) return false;
      if (/^[1-9]\d?$/.test(value)) return Number(value);
      const subnets = value.split(',').map((item) => item.trim());
      if (subnets.every(isSubnet)) return subnets;
      addIssue({
        message:
          'must be how many proxies stand in front of the app (1, 2 …) or a comma list of their addresses ' +
          '(loopback, 10.0.0.0/8); never true, which would believe any X-Forwarded-For',
      });
      return NEVER;
    }),
  );
}

function isSubnet(item: string): boolean {
  if (NAMED_SUBNETS.has(item)) return true;
  const [address = '', bits, ...rest] = item.split('/');
  const version = isIP(address);
  if (version === 0 || rest.length > 0) return false;
  // Zero bits mean everybody, which is TRUST_PROXY=true by another name.
  return bits === undefined || (/^[1-9]\d{0,2}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128));
}

import { randomBytes, scrypt, timingSafeEqual, type ScryptOptions } from 'node:crypto';
import { promisify } from 'node:util';
import { PASSWORD_HASH } from './users-setting.ts';

/**
 * N = 2^15, r = 8, p = 3: 32 MiB and about 200 ms of one thread.
 *
 * @see https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html#scrypt
 */
const COST = 'ln=15,r=8,p=3';

const SALT_BYTES = 16;
const KEY_BYTES = 32;

/** In characters. scrypt reads the whole password, and a client may send megabytes. */
export const MAX_PASSWORD_LENGTH = 1024;

const derive = promisify<string, Buffer, number, ScryptOptions, Buffer>(scrypt);

/**
 * Hashes a password, for storing.
 *
 * @returns a PHC string: `$scrypt$ln=15,r=8,p=3$salt$key`.
 * @throws {RangeError} when the password is empty or longer than MAX_PASSWORD_LENGTH.
 */
export async function hashPassword(password: string): Promise<string> {
  if (password.length < 1 || password.length > MAX_PASSWORD_LENGTH) {
    throw new RangeError(`a password has 1 to ${MAX_PASSWORD_LENGTH} characters`);
  }
  const { salt, cost } = parseHash(impossibleHash());
  return format(COST, salt, await derive(normalize(password), salt, KEY_BYTES, cost));
}

/**
 * Whether the password is the one that was hashed. Takes as long for a wrong one as for the right one.
 *
 * @throws {Error} when the hash is not of the form `hashPassword` makes.
 */
export async function checkPassword(password: string, hash: string): Promise<boolean> {
  const { salt, key, cost } = parseHash(hash);
  return timingSafeEqual(await derive(normalize(password), salt, key.length, cost), key);
}

/**
 * A hash no password fits. Checking against it is the same work as against the hash it is made like.
 *
 * @param like - the hash whose cost it has; by default what `hashPassword` uses.
 */
export function impossibleHash(like?: string): string {
  const cost = like?.split('$')[2] ?? COST;
  return format(cost, randomBytes(SALT_BYTES), randomBytes(KEY_BYTES));
}

/** One form for passwords that look the same, however a keyboard composed their accents (RFC 8265, 4.2.2). */
function normalize(password: string): string {
  return password.normalize('NFC');
}

function format(cost: string, salt: Buffer, key: Buffer): string {
  return `$scrypt$${cost}$${toBase64(salt)}$${toBase64(key)}`;
}

function parseHash(hash: string): { salt: Buffer; key: Buffer; cost: ScryptOptions } {
  const parts = PASSWORD_HASH.exec(hash)?.groups;
  if (!parts) throw new Error('a password hash does not have the PHC form of scrypt');
  const { ln, r, p, salt = '', key = '' } = parts;
  const cost = { N: 2 ** Number(ln), r: Number(r), p: Number(p) };
  return {
    salt: Buffer.from(salt, 'base64'),
    key: Buffer.from(key, 'base64'),
    // By default Node refuses more than 32 MiB; scrypt needs a little more than 128 · N · r.
    cost: { ...cost, maxmem: 256 * cost.N * cost.r },
  };
}

function toBase64(bytes: Buffer): string {
  return bytes.toString('base64').replaceAll('=', '');
}

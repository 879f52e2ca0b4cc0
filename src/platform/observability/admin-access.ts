import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

/** Wrong tokens from one address in a minute; to more the response is 429. */
const MAX_FAILURES = 10;
const PERIOD_MS = 60_000;

/** How many addresses are remembered; the oldest is forgotten first. */
const MAX_ADDRESSES = 1000;

/** `limited`: too many wrong ones came from this address. */
export type TokenCheck = 'right' | 'wrong' | 'limited';

/** Decides who may use the admin port: those who have its token, ADMIN_TOKEN or one that each start generates. */
export class AdminAccess {
  readonly token: string;
  readonly #key = randomBytes(32);
  readonly #failures = new Map<string, { count: number; until: number }>();
  /** What a browser keeps in place of the token, until the next start. */
  readonly cookie: string;

  constructor(token = randomBytes(32).toString('base64url')) {
    this.token = token;
    this.cookie = this.#digest(`cookie ${token}`).toString('base64url');
  }

  isCookie(value: string): boolean {
    return this.#isEqual(value, this.cookie);
  }

  /** @param address - of the client, whose wrong tokens are counted. */
  checkToken(token: string, address: string, now = performance.now()): TokenCheck {
    const before = this.#failures.get(address);
    const failures = before && before.until > now ? before : { count: 0, until: now + PERIOD_MS };
    // The right one always: else whoever shares the address, on this host for example, could keep its owner out. It is too
    // long to be guessed; the limit is for the log and the work.
    if (this.#isEqual(token, this.token)) return 'right';
    if (failures.count >= MAX_FAILURES) return 'limited';
    failures.count += 1;
    this.#failures.delete(address);
    this.#failures.set(address, failures);
    const [oldest = ''] = this.#failures.keys();
    if (this.#failures.size > MAX_ADDRESSES) this.#failures.delete(oldest);
    return 'wrong';
  }

  /** The token of an `Authorization: Bearer` header; undefined where there is none. */
  checkBearer({ headers, socket }: IncomingMessage): TokenCheck | undefined {
    const [, token] = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '') ?? [];
    return token === undefined ? undefined : this.checkToken(token, socket.remoteAddress ?? '');
  }

  /** In the same time whatever the texts are. */
  #isEqual(one: string, other: string): boolean {
    return timingSafeEqual(this.#digest(one), this.#digest(other));
  }

  #digest(text: string): Buffer {
    return createHmac('sha256', this.#key).update(text).digest();
  }
}

/** The headers of a refusal, and when to try again. */
export const RETRY_LATER = { 'Retry-After': String(PERIOD_MS / 1000) };

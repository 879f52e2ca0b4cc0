import pLimit from 'p-limit';
import type { Config } from '../../config.ts';
import { HttpError } from '../../errors.ts';
import { sameName } from './users-setting.ts';
import type { Logger } from '../../platform/observability/index.ts';
import { checkPassword, hashPassword, impossibleHash } from './password.ts';

export interface User {
  readonly id: string;
  readonly name: string;
}

/** Knows who may log in. Replace it by one that asks your database. */
export interface UserDirectory {
  /**
   * The user of that name, if the password is right. Must take as long for unknown names as for known ones.
   *
   * @param password - 1 to MAX_PASSWORD_LENGTH characters.
   */
  verify(name: string, password: string): Promise<User | undefined>;
}

/** The directory of the users in the configuration. */
export interface ConfiguredUsers extends UserDirectory {
  /** How to log in during development, for the start page; undefined where there is no demo user. */
  readonly demo: { readonly name: string; readonly password: string } | undefined;
}

export interface ConfiguredUsersOptions {
  readonly config: Pick<Config, 'NODE_ENV' | 'USERS' | 'DEMO_PASSWORD'>;
  readonly logger: Logger;
  /** Does the work of checking one password. */
  readonly check?: (password: string, hash: string) => Promise<boolean>;
}

/** scrypt runs in libuv's threads, of which there are four; files and DNS need some, too. */
const CHECKS_AT_A_TIME = 2;

/** At 200 ms a check, the last in line waits for two seconds. */
const MAX_WAITING = 20;

/** Users from USERS and, in development, one named "demo". */
export function createUsers({
  config,
  logger,
  check = checkPassword,
}: ConfiguredUsersOptions): ConfiguredUsers {
  const known = new Map<string, User & { passwordHash: string | Promise<string> }>();
  for (const entry of config.USERS) known.set(sameName(entry.name), entry);
  const demo = known.has('demo') ? undefined : demoUser(config);
  if (demo) known.set('demo', { id: 'demo', name: 'demo', passwordHash: hashPassword(demo.password) });
  if (known.size === 0 && config.NODE_ENV === 'production')
    logger.warn('USERS is not set: nobody can log in');

  const impossible = impossibleHash(config.USERS[0]?.passwordHash);
  const inLine = pLimit(CHECKS_AT_A_TIME);
  return {
    demo,
    verify: async (name, password) => {
      if (inLine.pendingCount >= MAX_WAITING) {
        throw new HttpError('UNAVAILABLE', {
          detail: 'Too many people are logging in right now.',
          headers: { 'Retry-After': '2' },
        });
      }
      const user = known.get(sameName(name));
      const isRight = await inLine(async () => check(password, await (user?.passwordHash ?? impossible)));
      return user && isRight ? { id: user.id, name: user.name } : undefined;
    },
  };
}

/** Wherever there is a password for it: in development always, in production never. */
function demoUser({ NODE_ENV, DEMO_PASSWORD }: ConfiguredUsersOptions['config']): ConfiguredUsers['demo'] {
  if (NODE_ENV === 'production' || !DEMO_PASSWORD) return undefined;
  return { name: 'demo', password: DEMO_PASSWORD };
}

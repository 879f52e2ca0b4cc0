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

/** Who may log in. Replace it by one that reads your database. */
export interface UserDirectory {
  /**
   * The user of that name, if the password is right. Must take as long for unknown names as for known ones.
   *
   * @param password - 1 to MAX_PASSWORD_LENGTH characters.
   */
  verify(name: string, password: string): Promise<User | undefined>;
}

interface UsersOptions {
  readonly config: Pick<Config, 'NODE_ENV' | 'USERS' | 'DEMO_PASSWORD'>;
  readonly logger: Logger;
  /** Checks one password. */
  readonly check?: (password: string, hash: string) => Promise<boolean>;
}

/** scrypt runs in libuv's threads, of which there are four; files and DNS need some, too. */
const CHECKS_AT_A_TIME = 2;

/** At 200 ms a check, the last in line waits for two seconds. */
const MAX_WAITING = 20;

/**
 * Users from USERS and, in development, one named "demo".
 *
 * @returns their directory, and how to log in as "demo"; undefined where there is no such user.
 */
export function createUsers({ config, logger, check = checkPassword }: UsersOptions) {
  const users = new Map<string, User & { passwordHash: string | Promise<string> }>();
  for (const entry of config.USERS) users.set(sameName(entry.name), entry);
  const password = config.NODE_ENV === 'production' || users.has('demo') ? '' : config.DEMO_PASSWORD;
  if (password) users.set('demo', { id: 'demo', name: 'demo', passwordHash: hashPassword(password) });
  if (users.size === 0 && config.NODE_ENV === 'production') {
    logger.warn('USERS is not set: nobody can log in');
  }
  const impossible = impossibleHash(config.USERS[0]?.passwordHash);
  const limited = pLimit(CHECKS_AT_A_TIME);
  const directory: UserDirectory = {
    verify: async (name, password) => {
      if (limited.pendingCount >= MAX_WAITING) {
        throw new HttpError('UNAVAILABLE', {
          detail: 'Too many people are logging in right now.',
          headers: { 'Retry-After': '2' },
        });
      }
      const user = users.get(sameName(name));
      const isRight = await limited(async () => check(password, await (user?.passwordHash ?? impossible)));
      return user && isRight ? { id: user.id, name: user.name } : undefined;
    },
  };
  return { ...directory, demo: password ? { name: 'demo', password } : undefined };
}

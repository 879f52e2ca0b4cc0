import { randomBytes } from 'node:crypto';
import type { Config } from '../../config.ts';
import type { Logger } from '../logger.ts';

/**
 * What a process makes up for itself outside of production, made up once, as variables for all workers. Else each worker
 * would refuse the sessions and the password of the others.
 *
 * In production there is nothing of the kind: a worker reads the secrets itself, so that a reload takes up new ones.
 */
export function sharedSecrets(config: Config, logger: Logger): Record<string, string> {
  if (config.NODE_ENV === 'production') return {};
  const shared = { SESSION_SECRETS: config.SESSION_SECRETS.join(','), SESSION_SECRETS_FILE: '' };
  if (config.NODE_ENV !== 'development' || config.DEMO_PASSWORD) return shared;
  const password = randomBytes(12).toString('base64url');
  logger.info(`log in as "demo" with the password ${password} (new at each start; DEMO_PASSWORD sets one)`);
  return { ...shared, DEMO_PASSWORD: password };
}

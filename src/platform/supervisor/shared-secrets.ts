import type { Config } from '../../config.ts';

/**
 * What is generated outside of production, as variables for all workers. Else each would refuse the sessions and the password
 * of the others where no file could keep them.
 *
 * In production there is nothing of the kind: a worker reads the secrets itself, so that a reload takes up new ones.
 */
export function sharedSecrets(config: Config): Record<string, string> {
  if (config.NODE_ENV === 'production') return {};
  const { SESSION_SECRETS, DEMO_PASSWORD } = config;
  return {
    SESSION_SECRETS: SESSION_SECRETS.join(','),
    SESSION_SECRETS_FILE: '',
    ...(DEMO_PASSWORD && { DEMO_PASSWORD, DEMO_PASSWORD_FILE: '' }),
  };
}

import { randomBytes } from 'node:crypto';
import * as v from 'valibot';
import { users } from './features/account/users-setting.ts';
import { defineConfig } from './platform/config/index.ts';

/**
 * Your settings, beside the platform's (platform/config/settings.ts). Add yours here, with a line in `.env.example`:
 * docs/add-a-setting.md. A key's name is the same everywhere: in the environment, in `.env`, and as `config.KEY`.
 */
const own = {
  // ORDERS_PAGE_SIZE: integer({ min: 1, max: 500, default: 50 }),
  /** Who may log in: a JSON array of { id, name, passwordHash }, mostly given as USERS_FILE. */
  USERS: v.optional(users(), '[]'),
  /** The password of the user "demo", in development only; unset: one is generated and kept, and is in the log. */
  DEMO_PASSWORD: v.optional(v.pipe(v.string(), v.minCodePoints(8, 'must have at least 8 characters'))),
};

const settings = defineConfig(own, {
  generated: { DEMO_PASSWORD: () => randomBytes(12).toString('base64url') },
  problems: ({ NODE_ENV }, given) =>
    NODE_ENV === 'production' && given.DEMO_PASSWORD
      ? ['DEMO_PASSWORD is for development only; remove it and use USERS_FILE']
      : [],
  notices: ({ DEMO_PASSWORD, USERS }, given) =>
    given.DEMO_PASSWORD || !DEMO_PASSWORD || USERS.some(({ name }) => name === 'demo')
      ? []
      : [
          `log in as "demo" with the password ${DEMO_PASSWORD} (kept for the next start; DEMO_PASSWORD sets another)`,
        ],
});

/** The configuration: validated, complete and frozen. */
export type Config = ReturnType<typeof settings.loadConfig>;

/** The names of all variables. */
export const CONFIG_KEYS = settings.keys;

export const { inspectConfig, inspectForProduction, loadConfig } = settings;

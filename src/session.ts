import * as v from 'valibot';
import { APP_NAME } from './platform/config/index.ts';
import type { SessionCookie } from './platform/sessions/index.ts';

/** The session's cookie: docs/change-the-session.md. */
export const sessionCookie: SessionCookie = { name: `${APP_NAME}.sid`, sameSite: 'lax' };

/**
 * What a session holds, beside who is logged in: docs/protect-a-route.md. Each field is optional, because a new session
 * has none, and is JSON. A stored session that does not match is as good as none: its user has to log in again.
 */
export const sessionFields = v.object({
  // language: v.optional(v.picklist(['en', 'de'])),
  /** How often the start page was seen. */
  visits: v.optional(v.number()),
  /** The visitor's to-do list. */
  todos: v.optional(v.array(v.string())),
});

declare module 'express-session' {
  // eslint-disable-next-line @typescript-eslint/no-empty-object-type -- adds the fields above to req.session's type
  interface SessionData extends v.InferOutput<typeof sessionFields> {}
}

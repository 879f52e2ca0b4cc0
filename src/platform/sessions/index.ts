export { csrf } from './csrf.ts';
export {
  assertCookieCanBeSent,
  logIn,
  logOut,
  requireUser,
  saveSession,
  type SessionCookie,
  sessionCookieName,
  sessionOf,
  sessions,
} from './session.ts';

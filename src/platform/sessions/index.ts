export { csrf } from './csrf.ts';
export {
  PLAIN_SESSION_COOKIE,
  SECURE_SESSION_COOKIE,
  assertCookieCanBeSent,
  logIn,
  logOut,
  requireUser,
  saveSession,
  sessionOf,
  sessions,
} from './session.ts';

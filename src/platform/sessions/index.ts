export { csrf } from './csrf.ts';
export {
  PLAIN_SESSION_COOKIE,
  SECURE_SESSION_COOKIE,
  assertCookieCanBeSent,
  logIn,
  logOut,
  requireUser,
  sessionOf,
  sessions,
} from './session.ts';

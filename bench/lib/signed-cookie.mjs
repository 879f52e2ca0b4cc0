import { createHmac } from 'node:crypto';
import { SESSION_SECRETS } from './servers.mjs';

/** The name of the first cookie that was set, and the id of the session in it. */
export function cookieOf(setCookies = []) {
  const [, name, value] = /^([^=]+)=([^;]+)/.exec(setCookies[0]) ?? [];
  const [, id] = /^s:([^.]+)\./.exec(decodeURIComponent(value ?? '')) ?? [];
  if (!id) throw new Error(`no session was made: ${setCookies}`);
  return { name, id };
}

/** A session's cookie, signed as express-session does. */
export function signedCookie(name, id) {
  const signature = createHmac('sha256', SESSION_SECRETS).update(id).digest('base64').replace(/=+$/, '');
  return `${name}=${encodeURIComponent(`s:${id}.${signature}`)}`;
}

/** What stands in a log in place of a secret. */
export const REDACTED = '[redacted]';

/** Parts of names, folded as by `fold`, whose values are secrets. Plain words: they take linear time on any name. */
const SECRET =
  /token|secret|passw|passphrase|passcode|pwd|cookie|credential|authori[sz]ation|session|sessid|signature|jwt|(?:api|access|private|signing|encryption|shared)key|[cx]srf|bearer|^otp|(?:auth|otp|sid)$|^(?:pass|pw|pin|sig|cvv|cvc)$/;

/** In a query these are secrets too (OAuth, signed URLs, SAML, CAS). As fields of a log they are anything. */
const SECRET_IN_QUERY = /^(?:code|key|ticket|assertion|samlresponse)$/;

/** How often a value is decoded in search of a URL in it. One that is encoded more often is not shown. */
const MAX_LEVELS = 4;

/** JSON texts with secrets up to this many characters are shown without them; longer ones are not shown. */
const MAX_JSON = 65_536;

/** Whether a field, header or property of this name holds a secret, whatever its case and separators. */
export function isSecretName(name: string): boolean {
  return SECRET.test(fold(name));
}

function isSecretParameter(name: string): boolean {
  const folded = fold(name);
  return SECRET.test(folded) || SECRET_IN_QUERY.test(folded);
}

function fold(name: string): string {
  const lower = name.toLowerCase();
  return /[^a-z0-9]/.test(lower) ? lower.replace(/[^a-z0-9]/g, '') : lower;
}

/**
 * Replaces what may be secret in a URL, or in a query alone: the values of parameters with such names, also in a URL
 * that is a parameter's value, and a user with a password. Takes linear time, because clients choose the text.
 */
export function redactUrl(url: string): string {
  return redactLevel(url, MAX_LEVELS);
}

function redactLevel(url: string, levels: number): string {
  if (!/[=@%]/.test(url)) return url;
  const withoutUser = url.includes('@') ? url.replace(/\/\/[^/?#\s"'<>]*@/g, `//${REDACTED}@`) : url;
  return withoutUser.replace(/[^&;?#]+/g, (piece) => redactPiece(piece, levels));
}

/** One `name=value`, or a path. */
function redactPiece(piece: string, levels: number): string {
  if (!/[=%]/.test(piece)) return piece;
  const parts = piece.split('=');
  const secret = parts.findIndex((part, at) => at < parts.length - 1 && isSecretParameter(decode(part)));
  if (secret !== -1) return `${parts.slice(0, secret + 1).join('=')}=${REDACTED}`;
  const start = piece.indexOf('=') + 1;
  const value = piece.slice(start);
  const decoded = decode(value);
  if (decoded === value) return piece;
  const isHarmless = levels > 0 && redactLevel(decoded, levels - 1) === decoded;
  return isHarmless ? piece : piece.slice(0, start) + REDACTED;
}

/** Decodes ASCII only: names of secrets need no more, and nothing that a client sends makes it throw. */
function decode(text: string): string {
  if (!text.includes('%')) return text;
  return text.replace(/%([0-7][0-9a-f])/gi, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
}

/** Most texts have nothing of what `redactText` looks for; the first of the two is the quicker one. */
const MAYBE_SUSPECT = /[ =:[{\r]|^x-/i;
const SUSPECT = /[=\r]|:\/\/|^\s*[[{]|(?:basic|bearer|digest|negotiate) |authorization:|cookie:|^x-/i;

const CREDENTIALS = /\bbearer +[^\s"',]+|^(?:basic|digest|negotiate) +\S.*$/gi;

const HTTP_SECRET = /^(?:(?:proxy-)?authorization|(?:set-)?cookie2?|x-[\w-]*)$/i;

/**
 * Replaces what may be secret in any text: in URLs and queries, JSON, raw HTTP headers, and credentials of an
 * Authorization header.
 */
export function redactText(text: string): string {
  if (!MAYBE_SUSPECT.test(text) || !SUSPECT.test(text)) return text;
  if (/^[\w.-]+=\S*$/.test(text)) return redactWord(text);
  const json = redactJson(text);
  if (json !== undefined) return json;
  return text
    .split('\r\n')
    .map((line, _, lines) => redactLine(line, lines.length > 1))
    .join('\r\n');
}

/** A line that may be a header. On its own, only a header of HTTP is one: an error's stack begins with `Name: ` too. */
function redactLine(line: string, amongHeaders: boolean): string {
  const name = line.slice(0, Math.max(0, line.indexOf(':')));
  if ((amongHeaders || HTTP_SECRET.test(name)) && isSecretName(name)) return `${name}: ${REDACTED}`;
  return line.replace(/\S+/g, redactWord).replace(CREDENTIALS, (found) => {
    return `${found.slice(0, found.indexOf(' '))} ${REDACTED}`;
  });
}

function redactWord(word: string): string {
  if (/:\/\/|[?&]/.test(word)) return redactUrl(word);
  const equals = word.indexOf('=');
  return equals > 0 && isSecretName(word.slice(0, equals)) ? `${word.slice(0, equals)}=${REDACTED}` : word;
}

/** @returns undefined where the text is no JSON object or array, or has no property with the name of a secret. */
function redactJson(text: string): string | undefined {
  if (!/^\s*(?:\{\s*"|\[\s*[[{"])/.test(text) || !namesSecret(text)) return undefined;
  try {
    if (text.length <= MAX_JSON) return JSON.stringify(JSON.parse(text, redactProperty));
  } catch {
    // Cut off, or no JSON after all.
  }
  return `[${text.length} characters with secrets]`;
}

/** Also in JSON that is a string in JSON, where the quotes have backslashes. */
function namesSecret(json: string): boolean {
  for (const [, name = ''] of json.matchAll(/"([^"\\]{1,64})\\*"\s{0,9}:/g))
    if (isSecretName(name)) return true;
  return false;
}

function redactProperty(this: unknown, name: string, value: unknown): unknown {
  const isElement = Array.isArray(this);
  if (!isElement && isSecretName(name) && isSecretValue(value)) return REDACTED;
  return typeof value === 'string' ? redactText(value) : value;
}

/** Whether there is anything to hide: that a password is set, or not, is no secret. */
export function isSecretValue(value: unknown): boolean {
  return value !== undefined && value !== null && typeof value !== 'boolean' && typeof value !== 'function';
}

/** What stands in a log in place of a secret. */
export const REDACTED = '[redacted]';

/** Parts of names, folded as by `fold`, whose values are secrets. Plain words: they take linear time on any name. */
const SECRET =
  /token|secret|passw|passphrase|passcode|pwd|cookie|credential|authori[sz]ation|session|sessid|signature|hmac|jwt|(?:api|access|account|auth|private|signing|encryption|master|shared|storage|subscription)key|(?:onetime|verification|recovery)code|[cx]srf|bearer|^otp|(?:auth|otp|sid|creds)$|^(?:pass|pw|pin|sig|cvv|cvc)$/;

/** `dbPass`, `DB_PASS`; folded, a compass would be one too. */
const LAST_WORD_IS_PASS = /(?:[^A-Za-z0-9](?:pass|PASS|Pass)|[a-z0-9]Pass)$/;

/** In a query these are secrets too (OAuth, signed URLs, SAML, CAS). As fields of a log they are anything. */
const SECRET_IN_QUERY = /^(?:code|key|ticket|assertion|samlresponse)$/;

/** How often a name or value of a query may be percent-encoded. One that is encoded more often is not shown. */
const MAX_ENCODINGS = 5;

/** What `isSecretName` has found: log lines have the same few names. It begins anew when clients invent many, in a query. */
const known = new Map<string, boolean>();
const MAX_KNOWN = 1000;

/** In characters. V8 lets a longer name refer to the text that it was cut from, which would be kept with it. */
const MAX_KNOWN_LENGTH = 12;

/** Whether a field, header or property of this name holds a secret, in any case and with any separators. */
export function isSecretName(name: string): boolean {
  const before = known.get(name);
  if (before !== undefined) return before;
  const isSecret = SECRET.test(fold(name)) || LAST_WORD_IS_PASS.test(name);
  if (known.size >= MAX_KNOWN) known.clear();
  if (name.length <= MAX_KNOWN_LENGTH) known.set(name, isSecret);
  return isSecret;
}

/** Whether there is anything to hide: that a password is set, or not, is no secret. */
export function isSecretValue(value: unknown): boolean {
  return value !== undefined && value !== null && typeof value !== 'boolean' && typeof value !== 'function';
}

function fold(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, '');
}

/**
 * Replaces what may be secret in a URL, or in a query alone: the values of parameters with such names, also in a URL
 * that is a parameter's value, and a user with a password. Takes linear time, because clients choose the text.
 */
export function redactUrl(url: string): string {
  if (!/[=@%]/.test(url)) return url;
  const withoutUser = url.replace(/\/\/[^/?#\s"'<>]*@/g, `//${REDACTED}@`);
  // What stands between other separators than & behind a secret may be the rest of it, if it has no name.
  let isRest = false;
  return withoutUser.replace(/([&;?#]?)([^&;?#]+)/g, (_, separator: string, piece: string) => {
    isRest &&= separator !== '&' && !piece.includes('=');
    const shown = isRest ? REDACTED : redactParameter(piece);
    isRest ||= shown !== piece;
    return separator + shown;
  });
}

/** One `name=value`, or a path. */
function redactParameter(piece: string): string {
  if (!/[=%]/.test(piece)) return piece;
  const parts = piece.split('=');
  const secret = parts.findIndex((part, at) => at < parts.length - 1 && isSecretParameter(part));
  if (secret !== -1) return `${parts.slice(0, secret + 1).join('=')}=${REDACTED}`;
  const start = piece.indexOf('=') + 1;
  return piece.slice(0, start) + (hasSecret(piece.slice(start)) ? REDACTED : piece.slice(start));
}

function isSecretParameter(name: string): boolean {
  const decoded = decode(name);
  return decoded === undefined || isSecretName(decoded) || SECRET_IN_QUERY.test(fold(decoded));
}

/** Whether a parameter's value is a URL, a query, JSON or a credential with a secret. */
function hasSecret(value: string): boolean {
  if (!/[%"\s+]/.test(value)) return false;
  const decoded = decode(value);
  if (decoded === undefined || namesSecret(decoded) || /^bearer[ +]/i.test(decoded)) return true;
  return decoded !== value && redactUrl(decoded) !== decoded;
}

/**
 * Decodes what is percent-encoded, as often as it is. ASCII only: names of secrets need no more, and nothing that a client
 * sends makes it throw.
 *
 * @returns undefined where it is encoded more often than MAX_ENCODINGS.
 */
function decode(text: string): string | undefined {
  let decoded = text;
  for (let round = 0; round <= MAX_ENCODINGS; round++) {
    const before = decoded;
    decoded = before.replace(/%([0-7][0-9a-f])/gi, (_, hex: string) =>
      String.fromCharCode(Number.parseInt(hex, 16)),
    );
    if (decoded === before) return decoded;
  }
  return undefined;
}

const CREDENTIALS = /\bbearer +[^\s"',]+|(?:^|\bauthorization: *)(?:basic|digest|negotiate) +\S.*$/gi;

/** A name and the quote that begins its value, as JSON and `util.inspect` write them. */
const NAMED = /(?<![\w.-])(?<name>[\w.-]{1,64})\\*["']?\s?[:=]\s?(?<quote>\\*["'])/g;

const HTTP_SECRET = /^(?:(?:proxy-)?authorization|(?:set-)?cookie2?|x-[\w-]*)$/i;

/**
 * Replaces what may be secret in any text: in URLs and queries, JSON, raw HTTP headers, and credentials of an
 * Authorization header.
 */
export function redactText(text: string): string {
  if (!/[ =:[{\r]/.test(text)) return text;
  const json = redactJson(text);
  if (json !== undefined) return json;
  const amongHeaders = text.includes('\r\n');
  // With the line ends between the lines.
  const lines = text.split(/(\r?\n)/);
  return lines.map((line) => redactLine(line, amongHeaders)).join('');
}

/** A line that may be a header. On its own, only a header of HTTP is one: an error's stack begins with `Name: ` too. */
function redactLine(line: string, amongHeaders: boolean): string {
  const name = line.slice(0, Math.max(0, line.indexOf(':')));
  if ((amongHeaders || HTTP_SECRET.test(name)) && isSecretName(name)) return `${name}: ${REDACTED}`;
  return redactQuoted(line)
    .replace(/\S+/g, redactWord)
    .replace(CREDENTIALS, (found) => `${found.slice(0, found.indexOf(' '))} ${REDACTED}`);
}

/** Quoted values behind their name, be it in the middle of a text. */
function redactQuoted(line: string): string {
  let shown = '';
  let from = 0;
  for (const match of line.matchAll(NAMED)) {
    const { name = '', quote = '' } = match.groups ?? {};
    if (match.index < from || !isSecretName(name)) continue;
    const start = match.index + match[0].length;
    shown += line.slice(from, start) + REDACTED;
    let end = line.indexOf(quote, start);
    while (end > start && line[end - 1] === '\\') end = line.indexOf(quote, end + 1);
    from = end === -1 ? line.length : end;
  }
  return shown + line.slice(from);
}

function redactWord(word: string): string {
  if (/:\/\/|[?&;]/.test(word)) return redactUrl(word);
  const equals = word.indexOf('=');
  return equals > 0 && isSecretName(word.slice(0, equals)) ? `${word.slice(0, equals)}=${REDACTED}` : word;
}

/** @returns undefined where the text is no JSON object or array, or has no property with the name of a secret. */
function redactJson(text: string): string | undefined {
  if (!/^\s*(?:\{\s*"|\[\s*[[{"])/.test(text) || !namesSecret(text)) return undefined;
  try {
    return JSON.stringify(JSON.parse(text, redactProperty));
  } catch {
    // Cut off, or no JSON after all.
    return `[${text.length} characters with secrets]`;
  }
}

/** Also in JSON that is a string in JSON, where the quotes have backslashes. */
function namesSecret(json: string): boolean {
  for (const [, name = ''] of json.matchAll(/"([^"\\]{1,64})\\*"\s{0,9}:/g))
    if (isSecretName(name)) return true;
  return false;
}

function redactProperty(this: unknown, name: string, value: unknown): unknown {
  if (!Array.isArray(this) && isSecretName(name) && isSecretValue(value)) return REDACTED;
  return typeof value === 'string' ? redactText(value) : value;
}

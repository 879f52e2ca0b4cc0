/** What stands in a log in place of a secret. */
export const REDACTED = '[redacted]';

/** Parts of names, folded as by `fold`, whose values are secrets. Plain words: they take linear time on any name. */
const SECRET =
  /token|secret|passw|passphrase|passcode|pwd|cookie|credential|authori[sz]ation|session|sessid|signature|hmac|jwt|(?:api|access|account|auth|private|signing|encryption|master|shared|storage|subscription)key|(?:onetime|verification|recovery)code|[cx]srf|bearer|^otp|(?:auth|otp|sid|creds)$|^(?:pass|pw|pin|sig|cvv|cvc)$/;

/** `dbPass`, `DB_PASS`; folded, a compass would be one too. */
const LAST_WORD_IS_PASS = /(?:[^A-Za-z0-9](?:pass|PASS|Pass)|[a-z0-9]Pass)$/;

/** In a query these are secrets too (OAuth, signed URLs, SAML, CAS). As fields of a log they are anything. */
const SECRET_IN_QUERY = /^(?:code|key|ticket|assertion|samlresponse)$/;

/** How often a value is decoded in search of a URL in it. One that is encoded more often is not shown. */
const MAX_LEVELS = 4;

/** JSON texts with secrets up to this many characters are shown without them; longer ones are not shown. */
const MAX_JSON = 65_536;

/** Whether a field, header or property of this name holds a secret, whatever its case and separators. */
export function isSecretName(name: string): boolean {
  return SECRET.test(fold(name)) || LAST_WORD_IS_PASS.test(name);
}

function isSecretParameter(name: string): boolean {
  const decoded = decodeAll(name);
  return isSecretName(decoded) || SECRET_IN_QUERY.test(fold(decoded));
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
  return withoutUser.replace(/[^&]+/g, (parameter) => redactParameter(parameter, levels));
}

/** Up to the next `&`. What stands between other separators behind a secret may be the rest of it, if it has no name. */
function redactParameter(parameter: string, levels: number): string {
  if (!/[;?#]/.test(parameter)) return redactPiece(parameter, levels);
  let wasSecret = false;
  return parameter.replace(/[^;?#]+/g, (piece) => {
    const shown = wasSecret && !piece.includes('=') ? REDACTED : redactPiece(piece, levels);
    wasSecret = shown !== piece;
    return shown;
  });
}

/** One `name=value`, or a path. */
function redactPiece(piece: string, levels: number): string {
  if (!/[=%]/.test(piece)) return piece;
  const parts = piece.split('=');
  const secret = parts.findIndex((part, at) => at < parts.length - 1 && isSecretParameter(part));
  if (secret !== -1) return `${parts.slice(0, secret + 1).join('=')}=${REDACTED}`;
  const start = piece.indexOf('=') + 1;
  const value = piece.slice(start);
  if (!/[%"\s+]/.test(value)) return piece;
  const decoded = decode(value);
  const isCredential = namesSecret(decoded) || /^bearer[ +]/i.test(decoded);
  if (decoded === value && !isCredential) return piece;
  const isHarmless = !isCredential && levels > 0 && redactLevel(decoded, levels - 1) === decoded;
  return isHarmless ? piece : piece.slice(0, start) + REDACTED;
}

/** Decodes ASCII only: names of secrets need no more, and nothing that a client sends makes it throw. */
function decode(text: string): string {
  if (!text.includes('%')) return text;
  return text.replace(/%([0-7][0-9a-f])/gi, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
}

/** A name that is encoded more often than a URL in a URL stays as it is. */
function decodeAll(name: string): string {
  let decoded = decode(name);
  for (let level = 0; level < MAX_LEVELS && decoded.includes('%'); level++) decoded = decode(decoded);
  return decoded;
}

/** Most texts have nothing of what `redactText` looks for; the first of the two is the quicker one. */
const MAYBE_SUSPECT = /[ =:[{\r]|^x-/i;
const SUSPECT =
  /[=\r]|:\/\/|:\s?\\*["']|^\s*[[{]|(?:basic|bearer|digest|negotiate) |authorization:|cookie:|(?:^|\n)x-/i;

const CREDENTIALS = /\bbearer +[^\s"',]+|(?:^|\bauthorization: *)(?:basic|digest|negotiate) +\S.*$/gi;

/** A name and the quote that begins its value, as JSON and `util.inspect` write them. */
const NAMED = /(?<![\w.-])(?<name>[\w.-]{1,64})\\*["']?\s?[:=]\s?(?<quote>\\*["'])/g;

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
  const amongHeaders = text.includes('\r\n');
  // With the line ends between the lines.
  const lines = text.split(/(\r?\n)/);
  return lines.map((line) => redactLine(line, amongHeaders)).join('');
}

/** A line that may be a header. On its own, only a header of HTTP is one: an error's stack begins with `Name: ` too. */
function redactLine(line: string, amongHeaders: boolean): string {
  const name = line.slice(0, Math.max(0, line.indexOf(':')));
  if ((amongHeaders || HTTP_SECRET.test(name)) && isSecretName(name)) return `${name}: ${REDACTED}`;
  return redactNamed(line)
    .replace(/\S+/g, redactWord)
    .replace(CREDENTIALS, (found) => {
      return `${found.slice(0, found.indexOf(' '))} ${REDACTED}`;
    });
}

/** Quoted values behind their name, be it in the middle of a text. */
function redactNamed(line: string): string {
  if (!/["']/.test(line)) return line;
  let shown = '';
  let from = 0;
  for (const match of line.matchAll(NAMED)) {
    const { name = '', quote = '' } = match.groups ?? {};
    if (match.index < from || !isSecretName(name)) continue;
    const start = match.index + match[0].length;
    shown += line.slice(from, start) + REDACTED;
    from = endOfQuote(line, start, quote);
  }
  return shown + line.slice(from);
}

function endOfQuote(line: string, start: number, quote: string): number {
  let end = line.indexOf(quote, start);
  while (end > start && line[end - 1] === '\\') end = line.indexOf(quote, end + 1);
  return end === -1 ? line.length : end;
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

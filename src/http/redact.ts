const SECRET_PARAMETER =
  /(^|&)([^=&]*(?:token|secret|password|passwd|signature|api_?key|authorization|session)[^=&]*|code|key|sig|jwt)=[^&]*/gi;

/** Blanks the values of query parameters that look like secrets, for logs. */
export function redactQuery(query: string): string {
  return query.replace(SECRET_PARAMETER, '$1$2=[redacted]');
}

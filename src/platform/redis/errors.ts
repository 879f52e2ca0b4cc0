/** Whether a key holds a value of another type than was asked for, so one that is not ours. */
export function isWrongType(thrown: unknown): boolean {
  return thrown instanceof Error && thrown.message.startsWith('WRONGTYPE ');
}

/**
 * ioredis' messages when a server is away, hangs, is busy with a script, refuses our login, or cannot be written: a
 * replica, a full memory or a full disk.
 */
const REDIS_AWAY =
  /^(?:Command timed out|Connection is closed|Stream isn't writeable|Reached the max retries|READONLY |OOM |MISCONF |NOREPLICAS |BUSY |TRYAGAIN |NOAUTH |NOPERM |WRONGPASS |LOADING |MASTERDOWN |CLUSTERDOWN |Cluster isn't ready|Cluster is ended|All sentinels are unreachable|Failed to refresh slots cache|None of startup nodes)/;

/** Whether Redis could not be reached, did not respond in time, or refused. */
export function isRedisAway(thrown: unknown): boolean {
  return (
    thrown instanceof Error &&
    (thrown.name === 'MaxRetriesPerRequestError' || REDIS_AWAY.test(thrown.message))
  );
}

/** Whether Redis responded with an error, in contrast to not responding. */
export function isRefusal(error: Error): boolean {
  return error.name === 'ReplyError';
}

/** Whether Redis refuses until somebody changes its configuration or ours. Others pass: a full disk, a failover. */
export function isLastingRefusal(error: Error): boolean {
  return isRefusal(error) && /^(?:ERR|NOPERM|NOAUTH|WRONGPASS) /.test(error.message);
}

/** As long as Redis' own texts get; a proxy in front of it may send more, in characters. */
const MAX_REASON = 200;

/**
 * The error for anybody to see: its code, or Redis' own text where that is all there is. No host, no user, no key.
 *
 * @example NOPERM, ECONNREFUSED, ERR_TLS_CERT_ALTNAME_INVALID, "DB index is out of range"
 */
export function publicReason(error: Error): string {
  const [, code, text = ''] = /^([A-Z]+) (.*)$/s.exec(isRefusal(error) ? error.message : '') ?? [];
  // What is quoted may be a key or a user; an apostrophe quotes nothing.
  if (code === 'ERR')
    return text
      .replace(/(?<!\w)(['"`])[^'"`]*\1/g, '…')
      .slice(0, MAX_REASON)
      .trim();
  return code ?? (error as NodeJS.ErrnoException).code ?? 'unreachable';
}

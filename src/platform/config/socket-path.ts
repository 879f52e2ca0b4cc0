/** The bytes of a Unix socket's path, less the NUL at its end: `sun_path` has 108 on Linux and 104 on BSD and macOS. */
export const MAX_SOCKET_PATH_BYTES = process.platform === 'linux' ? 107 : 103;

/**
 * What is wrong with the path of a Unix socket. Node 20 cuts a path that is too long, and makes, or connects to, another
 * socket than the one that was named.
 */
export function socketPathProblem(path: string): string | undefined {
  const bytes = Buffer.byteLength(path);
  if (bytes <= MAX_SOCKET_PATH_BYTES) return undefined;
  return `is a path of ${bytes} bytes, and a Unix socket's has at most ${MAX_SOCKET_PATH_BYTES}; use a shorter one`;
}

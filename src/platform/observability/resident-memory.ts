/**
 * Measures the memory that the system has given to this process.
 *
 * Node opens a file for that, and throws where the process has no descriptor left: then the last known number counts.
 *
 * @returns a function that returns bytes, and never throws.
 */
export function residentMemory(): () => number {
  let lastBytes = process.resourceUsage().maxRSS * 1024;
  return () => {
    try {
      lastBytes = process.memoryUsage.rss();
    } catch {
      // EMFILE.
    }
    return lastBytes;
  };
}

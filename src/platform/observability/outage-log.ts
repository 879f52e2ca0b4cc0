import type { Logger } from './logger.ts';

export type OutageLog = ReturnType<typeof outageLog>;

/**
 * Logs when something begins to fail and when it works again. One line per change, not per failure: what fails on every request of an hour must not fill the disk.
 *
 * @param texts - the messages of the two lines.
 */
export function outageLog(logger: Logger, texts: { failed: string; worked: string }) {
  let failing = false;
  return {
    failed: (error: unknown) => {
      if (failing) return;
      failing = true;
      logger.warn({ err: error }, texts.failed);
    },
    worked: () => {
      if (!failing) return;
      failing = false;
      logger.info(texts.worked);
    },
  };
}

import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Response } from 'express';

/**
 * Sends a stream as the answer. Set the type and the other headers first.
 *
 * An error before the first byte is thrown, so that the client gets a proper error answer. One after it destroys the
 * connection: the client must see that the answer is not whole. When the client leaves, the source is destroyed.
 *
 * @throws whatever the source fails with.
 */
export async function sendStream(res: Response, source: Readable): Promise<void> {
  const cancel = () => {
    source.destroy();
  };
  res.once('close', cancel);
  try {
    await firstByte(source);
    if (res.destroyed) return;
    if (res.req.method === 'HEAD') {
      res.end();
      source.destroy();
      return;
    }
    await pipeline(source, res);
  } catch (error) {
    source.destroy();
    const clientLeft = res.destroyed && source.errored === null;
    if (!clientLeft) throw error;
  } finally {
    res.off('close', cancel);
  }
}

/** Resolves when the stream has something to read or has ended; rejects when it fails before that. */
async function firstByte(source: Readable): Promise<void> {
  if (source.readableLength > 0 || source.readableEnded) return;
  if (source.errored) throw source.errored;
  await new Promise<void>((resolve, reject) => {
    const settle = (error?: Error | null) => {
      source.off('readable', settle).off('end', settle).off('close', settle).off('error', settle);
      if (error) reject(error);
      else resolve();
    };
    source.once('readable', settle).once('end', settle).once('close', settle).once('error', settle);
  });
}

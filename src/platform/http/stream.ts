import type { Readable } from 'node:stream';
import type { Response } from 'express';
import { toError } from '../observability/thrown.ts';

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
  // It may still fail while it is being destroyed, when nobody waits for it any more.
  source.on('error', () => undefined);
  try {
    // The client may have left before there was a stream: 'close' does not come again.
    if (!res.destroyed) await firstByte(source);
    if (!res.destroyed && res.req.method !== 'HEAD') await pump(source, res);
    else if (!res.destroyed) res.end();
  } finally {
    res.off('close', cancel);
    cancel();
  }
}

/**
 * Sends all of the source; resolves when the client has it or has left. `stream.pipeline` does the same with eight
 * listeners on the response, which with those of the log, the metrics and the compression is past Node's limit of ten.
 * And `pipe` lets what `write` throws at a chunk that is no bytes (a stream of objects) end the process.
 */
async function pump(source: Readable, res: Response): Promise<void> {
  const send = (chunk: unknown) => {
    try {
      if (!res.write(chunk)) source.pause();
    } catch (error) {
      source.destroy(toError(error));
    }
  };
  await new Promise<void>((resolve, reject) => {
    // One that was destroyed neither fails nor ends.
    const checkEnd = () => {
      if (!source.readableEnded)
        reject(source.errored ?? new Error('the stream was destroyed before its end'));
    };
    res.once('close', resolve).on('drain', () => source.resume());
    source.once('error', reject).once('close', checkEnd).on('data', send);
    source.once('end', () => res.end());
    if (source.readableEnded) res.end();
    else if (source.closed) checkEnd();
  });
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

import { createApp } from './app.ts';
import { inspectConfig } from './config.ts';
import { startServer } from './platform/lifecycle/index.ts';

export async function serve(): Promise<void> {
  await startServer(inspectConfig(), createApp);
}

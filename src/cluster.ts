import { inspectConfig } from './config.ts';
import { startCluster } from './platform/supervisor/index.ts';

// The entry of the primary: it runs one server.ts per worker.
await startCluster(inspectConfig());

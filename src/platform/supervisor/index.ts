export { startCluster } from './cluster.ts';
export { sendCommand, Unreachable } from './control-client.ts';
export { WorkerLink, type WorkerOrders, type WorkerParts } from './worker.ts';
export { statusTable } from './status-table.ts';
export type { Status } from './status.ts';

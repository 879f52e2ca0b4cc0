export { startCluster } from './cluster.ts';
export { runCtl, sendCommand } from './ctl.ts';
export { joinCluster, type WorkerOptions } from './worker.ts';

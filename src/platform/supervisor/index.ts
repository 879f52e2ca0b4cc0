export { startCluster } from './cluster.ts';
export { runCtl, sendCommand } from './ctl.ts';
export { joinCluster } from './worker.ts';

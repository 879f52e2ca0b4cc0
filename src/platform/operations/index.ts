export { Activity } from './activity.ts';
export type { ErrorRow, Fleet, Report } from './contract.ts';
export { Operations } from './operations.ts';
export { watchStores } from './stores.ts';

export type { Job } from './job.ts';
export { JobRunner } from './runner.ts';

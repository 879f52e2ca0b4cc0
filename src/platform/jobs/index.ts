export type { Job } from './job.ts';
export { JobRunner, type JobParts } from './runner.ts';

export { JobRunner, type Job } from './runner.ts';

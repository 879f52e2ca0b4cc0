export { type Trace, tracing } from './trace.ts';

export type { Stores } from './open.ts';

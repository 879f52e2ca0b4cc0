export { type Finding, findAll } from './checks.ts';

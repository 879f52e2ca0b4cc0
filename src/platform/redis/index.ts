// Nothing from client.ts but a type: an app with the memory store does not load ioredis, a tenth of what a start takes.
export type { RedisClient } from './client.ts';
export { isRedisAway, isWrongType } from './errors.ts';

export { type RedisClient, createRedisClient } from './client.ts';
export { isRedisAway, isWrongType } from './errors.ts';

/** The face of the room has no such export, so that an app without Redis does not load the client. */
export { createRedisClient } from '../../src/platform/redis/client.ts';

/** The store that express-session and @fastify/session share. */
export async function redisStore() {
  const { RedisStore } = await import('connect-redis');
  const { Redis } = await import('ioredis');
  return new RedisStore({ client: new Redis(process.env.REDIS_URL) });
}

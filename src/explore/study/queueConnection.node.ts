/** Redis or Valkey, and the two optional packages that talk to it. */
import type { Redis } from 'ioredis';
import { UnsupportedError, UsageError } from '../../base/index.ts';

/** Milliseconds in which a server has to answer at first. */
const PATIENCE = 5000;

/** Throws UnsupportedError where the packages are not installed. */
export async function loadQueuePackages() {
  try {
    const [bullmq, ioredis] = await Promise.all([import('bullmq'), import('ioredis')]);
    return { ...bullmq, Redis: ioredis.Redis };
  } catch (error) {
    throw new UnsupportedError(
      'a queue needs the packages bullmq and ioredis, which are not here',
      {
        hint: `npm install --include=optional (${error instanceof Error ? error.message : error})`,
      },
    );
  }
}

/**
 * A connection that outlives the server's restarts once it has been reached. Throws UsageError where
 * `url` is no Redis URL, or nothing that speaks Redis answers there.
 */
export async function connectQueue(url: string): Promise<Redis> {
  if (!/^rediss?:\/\/./.test(url) || !URL.canParse(url))
    throw new UsageError(`a queue must be a URL such as redis://127.0.0.1:6379, not ${url}`);
  const { Redis } = await loadQueuePackages();
  let reached = false;
  const redis = new Redis(url, {
    lazyConnect: true,
    connectTimeout: PATIENCE,
    maxRetriesPerRequest: null, // as BullMQ demands
    retryStrategy: (times) => (reached ? Math.min(100 * times, 2000) : null),
  });
  redis.on('error', () => {}); // it tries again, or says so below
  const timer = setTimeout(() => redis.disconnect(), PATIENCE);
  try {
    await redis.connect();
    await redis.ping();
    reached = true;
    return redis;
  } catch (error) {
    redis.disconnect();
    throw new UsageError(
      `a queue must be a Redis or Valkey server that answers, and none does: ${error instanceof Error ? error.message : error}`,
      { where: withoutPassword(url), hint: 'start one, as with: valkey-server --bind 127.0.0.1' },
    );
  } finally {
    clearTimeout(timer);
  }
}

export function withoutPassword(url: string): string {
  const parsed = new URL(url);
  if (parsed.password !== '') parsed.password = '…';
  return parsed.href;
}

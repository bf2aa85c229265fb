/** Queues that are not there; those that are, in test/explore/cluster.redis.test.ts. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { test } from 'node:test';
import { syntheticDefinition } from '../../../test/explore/syntheticStudy.ts';
import { queueEvaluator } from './queueEvaluator.node.ts';

test('a queue that does not answer is said to, without its password', async () => {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  server.close();
  await once(server, 'close');
  await assert.rejects(
    queueEvaluator(`redis://:secret@127.0.0.1:${port}`, syntheticDefinition()),
    (error: Error & { where: string }) => {
      assert.equal(error.name, 'UsageError');
      assert.match(error.message, /must be a Redis or Valkey server that answers/);
      assert.doesNotMatch(`${error.message} ${error.where}`, /secret/);
      return true;
    },
  );
});

test('a URL that is none is refused', async () => {
  for (const url of ['', '127.0.0.1:6379', 'http://localhost', 'redis://'])
    await assert.rejects(queueEvaluator(url, syntheticDefinition()), {
      name: 'UsageError',
      message: `a queue must be a URL such as redis://127.0.0.1:6379, not ${url}`,
    });
});

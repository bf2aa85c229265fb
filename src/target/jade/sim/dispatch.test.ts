import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Dispatcher, QUEUE_DEPTH } from './dispatch.ts';

/** The first cycle in which instruction `index` can start; undefined while its dispatch is not known. */
function readyAt({ count, ready }: Dispatcher, index: number): number | undefined {
  return index < count ? ready[index] : undefined;
}

test('one instruction is dispatched a cycle and can start two cycles later', () => {
  const dispatcher = new Dispatcher(Uint8Array.of(0, 1, 0), 2);
  assert.deepEqual(
    [0, 1, 2].map((index) => readyAt(dispatcher, index)),
    [2, 3, 4],
  );
});

test('a full queue holds up all that follows, until the cycle after its head starts', () => {
  const order = new Uint8Array(QUEUE_DEPTH + 3);
  order[QUEUE_DEPTH + 2] = 1;
  const dispatcher = new Dispatcher(order, 2);
  assert.equal(readyAt(dispatcher, QUEUE_DEPTH - 1), QUEUE_DEPTH + 1);
  assert.equal(readyAt(dispatcher, QUEUE_DEPTH), undefined);
  dispatcher.started(0, 40);
  assert.equal(readyAt(dispatcher, QUEUE_DEPTH), 41 + 2);
  assert.equal(readyAt(dispatcher, QUEUE_DEPTH + 1), undefined);
  dispatcher.started(0, 41);
  assert.deepEqual(
    [1, 2].map((i) => readyAt(dispatcher, QUEUE_DEPTH + i)),
    [42 + 2, 43 + 2],
  );
});

test('an early start does not speed up the dispatcher', () => {
  const dispatcher = new Dispatcher(new Uint8Array(QUEUE_DEPTH + 1), 1);
  dispatcher.started(0, 2);
  assert.equal(readyAt(dispatcher, QUEUE_DEPTH), QUEUE_DEPTH + 2);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Dispatcher, QUEUE_DEPTH } from './dispatch.ts';

test('one instruction is dispatched a cycle and can start two cycles later', () => {
  const dispatcher = new Dispatcher([0, 1, 0], 2);
  assert.deepEqual(
    [0, 1, 2].map((index) => dispatcher.readyAt(index)),
    [2, 3, 4],
  );
});

test('a full queue holds up all that follows, until the cycle after its head starts', () => {
  const order = [...Array.from({ length: QUEUE_DEPTH + 2 }, () => 0), 1];
  const dispatcher = new Dispatcher(order, 2);
  assert.equal(dispatcher.readyAt(QUEUE_DEPTH - 1), QUEUE_DEPTH + 1);
  assert.equal(dispatcher.readyAt(QUEUE_DEPTH), Number.POSITIVE_INFINITY);
  dispatcher.started(0, 40);
  assert.equal(dispatcher.readyAt(QUEUE_DEPTH), 41 + 2);
  assert.equal(dispatcher.readyAt(QUEUE_DEPTH + 1), Number.POSITIVE_INFINITY);
  dispatcher.started(0, 41);
  assert.deepEqual(
    [1, 2].map((i) => dispatcher.readyAt(QUEUE_DEPTH + i)),
    [42 + 2, 43 + 2],
  );
});

test('an early start does not speed up the dispatcher', () => {
  const dispatcher = new Dispatcher(
    Array.from({ length: QUEUE_DEPTH + 1 }, () => 0),
    1,
  );
  dispatcher.started(0, 2);
  assert.equal(dispatcher.readyAt(QUEUE_DEPTH), QUEUE_DEPTH + 2);
});

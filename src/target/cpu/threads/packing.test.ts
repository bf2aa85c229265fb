import assert from 'node:assert/strict';
import { test } from 'node:test';
import { argsOf, packCalls, stepOf, type BoundStep, type Chunk } from './packing.ts';

const step = (number: number): BoundStep => ({
  ...{ number, kernel: 'add', scratchArgs: [] },
  stateArgs: [{ index: number, slotBytes: 64 }],
});
const [a, b] = [step(3), step(7)];

test('packed calls have the chunks of all tasks in order, with their steps and arguments', () => {
  const far = 2 ** 45 + 64; // an address in a further memory
  const chunks: readonly Chunk[] = [
    { step: a, args: [1, 2, 3] },
    { step: b, args: [far, 0.5] },
    { step: a, args: [] },
    { step: a, args: [4, 5, 6] },
  ];
  const [first, second, third, fourth] = chunks as [Chunk, Chunk, Chunk, Chunk];
  const packed = structuredClone(packCalls([[[first, second]], [[third], [fourth]]]));
  assert.deepEqual([...packed.tasksOfCall], [1, 2]);
  assert.deepEqual([...packed.chunksOfTask], [2, 1, 1]);
  assert.deepEqual(packed.steps, [a, b]);
  for (const [i, chunk] of chunks.entries()) {
    assert.deepEqual(stepOf(packed, i), chunk.step);
    assert.deepEqual(argsOf(packed, i), chunk.args);
  }
});

test('a program without calls is packed too', () => {
  assert.equal(packCalls([]).stepOfChunk.length, 0);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BlockManager, type Block, type BlockContents } from './blockManager.ts';

const ROWS = { from: 0, to: 2, sizeBytes: 100 };
const CONTENTS: BlockContents = { rows: ROWS };
const contents = (): BlockContents => CONTENTS;

function manager(blocks = 4, snapshots = 2, keptBytes = Infinity): BlockManager {
  return new BlockManager({ blocks, blockTokens: 2, snapshots, keptBytes });
}

/** Blocks of a sequence, all of them published as far as they are full. */
function published(on: BlockManager, tokens: readonly number[]): Block[] {
  const blocks = Array.from({ length: on.blocksFor(tokens.length) }, () => on.allocate());
  for (let i = 0; 2 * i + 2 <= tokens.length; i++) on.publish(blocks, i, tokens, contents);
  return blocks;
}

test('what is found is what begins with the same tokens, in whole blocks', () => {
  const on = manager();
  const blocks = published(on, [1, 2, 3, 4, 5]);
  assert.deepEqual(on.match([1, 2, 3, 4, 5, 6]), blocks.slice(0, 2));
  assert.deepEqual(on.match([1, 2, 3, 5]), blocks.slice(0, 1));
  assert.deepEqual(on.match([3, 4]), [], 'the second block after another beginning');
  assert.deepEqual(on.match([1]), []);
});

test('a block counts as used while someone holds it, and is found until its place is needed', () => {
  const on = manager();
  const blocks = published(on, [1, 2, 3, 4, 5]);
  on.acquire(blocks.slice(0, 1));
  on.release(blocks);
  assert.equal(on.usedBlocks, 1);
  on.release(blocks.slice(0, 1));
  assert.deepEqual([on.usedBlocks, on.publishedBlocks], [0, 2]);
  // Two blocks have nothing and go first, then the second of the beginning, which without the first is nothing.
  for (let i = 0; i < 3; i++) on.allocate();
  assert.deepEqual(on.match([1, 2, 3, 4]), blocks.slice(0, 1));
  on.allocate();
  assert.deepEqual(on.match([1, 2]), []);
  assert.equal(on.canAllocate(1), false);
  assert.throws(() => on.allocate(), /ask canAllocate first/);
});

test('the same tokens are published once: who comes later holds the first block', () => {
  const on = manager();
  const [first] = published(on, [1, 2]);
  const second = published(on, [1, 2]);
  assert.equal(second[0], first);
  assert.equal(first!.holders, 2);
  assert.deepEqual([on.usedBlocks, on.publishedBlocks, on.keptBytes], [1, 1, 100]);
});

test('a beginning that was forgotten and computed again does not bring back what followed it', () => {
  const on = manager(3);
  const old = published(on, [1, 2, 3, 4]);
  on.acquire([old[1]!]);
  on.release(old);
  for (let i = 0; i < 2; i++) on.allocate();
  on.release([old[1]!]);
  assert.deepEqual(on.match([1, 2, 3, 4]), []);
  const again = [on.allocate()];
  on.publish(again, 0, [1, 2], contents);
  assert.deepEqual(on.match([1, 2, 3, 4]), again);
});

test('the longest unused snapshot makes room, and goes with its block', () => {
  const on = manager();
  const blocks = published(on, [1, 2, 3, 4, 5, 6]);
  const snapshot = (tokens: number) => () => ({ tokens, sizeBytes: 10 });
  on.keepSnapshot(blocks[0]!, snapshot(2));
  on.keepSnapshot(blocks[1]!, snapshot(4));
  assert.equal(on.snapshotAfter(blocks[0]!)!.tokens, 2);
  on.keepSnapshot(blocks[2]!, snapshot(6));
  assert.equal(on.snapshotAfter(blocks[1]!), undefined);
  assert.deepEqual([on.lastSnapshot(blocks), on.lastSnapshot(blocks.slice(0, 2))], [3, 1]);
  assert.equal(on.keptBytes, 320);
  on.release(blocks);
  on.clear();
  assert.deepEqual([on.snapshots, on.publishedBlocks, on.keptBytes], [0, 0, 0]);
});

test('copies have a limit: what was let go makes room, what is held is not published beyond it', () => {
  const on = manager(8, 2, 250);
  const first = published(on, [1, 2, 3, 4]);
  on.release(first);
  const second = published(on, [5, 6, 7, 8, 9, 10]);
  assert.deepEqual([on.match([1, 2]), on.match([5, 6, 7, 8, 9, 10])], [[], second.slice(0, 2)]);
  assert.equal(on.keptBytes, 200);
  on.keepSnapshot(second[1]!, () => ({ tokens: 4, sizeBytes: 60 }));
  assert.equal(on.snapshots, 0);
  on.publish(second, 2, [5, 6, 7, 8, 9, 10], contents);
  assert.equal(on.publishedBlocks, 2);
});

test('a block is put where rows lay that were forgotten for it, and they are counted until then', () => {
  const on = manager(1);
  on.release(published(on, [1, 2]));
  const blocks = [on.allocate()];
  assert.deepEqual([on.keptBytes, on.publishedBlocks], [100, 0]);
  const given: unknown[] = [];
  on.publish(blocks, 0, [3, 4], (unread) => (given.push(unread), CONTENTS));
  assert.deepEqual([given, on.keptBytes], [[ROWS], 100]);
  on.release(blocks);
  on.release([on.allocate()]);
  assert.equal(on.keptBytes, 0, 'nobody put anything there');
});

/** Kernels of blocks of tokens, at odd sizes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Workbench } from '../../../../test/workbench.ts';

test('blockRows gives the rows of the blocks and those behind the last complete one', () => {
  const [B, T, k, tokensPerRow] = [2, 2, 2, 3];
  const blocks = Int32Array.of(-1, -1, -1, -1, 0, 2, 1, -1);
  const bench = new Workbench();
  const out = bench.room(B * T * (k * tokensPerRow + tokensPerRow - 1));
  const positions = bench.put(Int32Array.of(0, 9));
  const places = { blocks: bench.put(blocks), positions, out: out.address };
  bench.run('blockRows', { ...places, B, T, k, tokensPerRow }, [out]);
  assert.deepEqual(
    [...bench.integers(out)],
    [
      [0, -1, -1, -1, -1, -1, -1, -1],
      [0, 1, -1, -1, -1, -1, -1, -1],
      [0, 1, 2, 6, 7, 8, 9, -1],
      [3, 4, 5, 9, 10, -1, -1, -1],
    ].flat(),
  );
});

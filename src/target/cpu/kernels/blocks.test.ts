/** Kernels of blocks of tokens, at odd sizes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertClose, normal, Workbench } from '../../../../test/workbench.ts';

test('blockMeans gives the mean of each complete block, and zeros behind them', () => {
  const [B, T, S, capacity, size, tokensPerRow] = [2, 3, 13, 17, 7, 4];
  const positions = [0, 6];
  const held = normal(B * capacity * size);
  const required = new Float32Array(B * S * size);
  for (const [b, position] of positions.entries()) {
    const blocks = Math.floor((position + T) / tokensPerRow);
    for (let i = 0; i < blocks * size; i++) {
      const at = b * capacity * size + Math.floor(i / size) * tokensPerRow * size + (i % size);
      for (let j = 0; j < tokensPerRow; j++) {
        required[b * S * size + i]! += held[at + j * size]! / tokensPerRow;
      }
    }
    // What is behind the tokens of the step is poison.
    held.fill(NaN, (b * capacity + position + T) * size, (b + 1) * capacity * size);
  }
  const bench = new Workbench();
  const out = bench.room(B * S * size);
  const places = { state: bench.put(held), positions: bench.put(Int32Array.from(positions)) };
  const sizes = { B, T, S, capacity, size, tokensPerRow };
  bench.run('blockMeans', { ...places, out: out.address, ...sizes }, [out]);
  assertClose(bench.floats(out), required, 1e-6);
});

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

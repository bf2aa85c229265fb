/** Weights in memory: tiles of blocks, those of one step along k together. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../base/index.ts';
import type { Graph } from '../../ir/index.ts';
import { quantizeWeights } from './arith/index.ts';
import { writeImage } from './image.ts';
import { blockBytes } from './isa.table.ts';
import type { MemoryLayout } from './layout.ts';
import { tileAddress } from './tiles.ts';
import type { TiledWeight } from './memoryRegions.ts';

const [PLANES, ROWS, COLUMNS] = [2, 7, 96];

for (const format of ['mxint8', 'mxfp8', 'mxfp4'] as const) {
  test(`${format}: block (n, kb) of a tile is kb · rows + n blocks from its start`, () => {
    const random = new Random(3);
    const values = Float32Array.from(
      { length: PLANES * ROWS * COLUMNS },
      () => random.float() - 0.5,
    );
    const tiles: TiledWeight = {
      ...{ kind: 'tiles', name: 'w', address: 64, format, planes: PLANES },
      ...{ rows: ROWS, columns: COLUMNS, tileRows: 4, tileColumns: 64, slotBytes: 320 },
    };
    const memory = new Uint8Array(64 + PLANES * 4 * 320);
    const layout: MemoryLayout = {
      ...{ weights: new Map([['w', tiles]]), regions: new Map() },
      ...{ batch: 1, contextTokens: 32, sizeBytes: memory.length },
    };
    const weights = new Map([['w', { shape: [PLANES, ROWS, COLUMNS], load: () => values }]]);
    writeImage(memory, layout, { weights } as unknown as Graph);
    const block = blockBytes(format);
    for (let plane = 0; plane < PLANES; plane++) {
      const own = values.subarray(plane * ROWS * COLUMNS, (plane + 1) * ROWS * COLUMNS);
      const { elements, scales } = quantizeWeights(own, ROWS, COLUMNS, format);
      for (let n = 0; n < ROWS; n++) {
        for (let k = 0; k < COLUMNS; k += 32) {
          const height = n < 4 ? 4 : 3;
          const inside = ((k % 64) / 32) * height + (n % 4);
          const at = tileAddress(tiles, plane, n, k) + inside * block;
          const index = (n * COLUMNS + k) / 32;
          assert.equal(memory[at], scales[index]);
          const expected = elements.subarray(index * (block - 1), (index + 1) * (block - 1));
          assert.deepEqual(memory.subarray(at + 1, at + block), expected);
        }
      }
    }
  });
}

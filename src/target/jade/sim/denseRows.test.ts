import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../../base/index.ts';
import { loadChip } from '../../../chip/index.ts';
import { MX_BLOCK, type MxFormat } from '../../../ir/index.ts';
import { decodeElements } from '../arith/mx.ts';
import { plainDot } from '../arith/dot.ts';
import { blockBytes } from '../isa.table.ts';
import { DenseRows } from './denseRows.ts';
import { createState } from './state.ts';

const ROWS = 5;
const BLOCKS = 3;

for (const format of ['mxint8', 'mxfp8', 'mxfp4'] satisfies MxFormat[]) {
  test(`rows of ${format} blocks, at any byte, are the elements that arith decodes`, () => {
    const state = createState(loadChip('jade-nano'), 64, plainDot);
    const random = new Random(11);
    for (let i = 0; i < 8192; i++) state.local[i] = random.int(256);
    const at = Float64Array.from({ length: ROWS }, () => random.int(4096));
    const stride = blockBytes(format) + random.int(200);
    const dense = new DenseRows();
    dense.decode(state, { at: at.slice(0, 1), blocks: 1, stride }, format);
    const rows = dense.decode(state, { at, blocks: BLOCKS, stride }, format);
    for (let r = 0; r < ROWS; r++) {
      for (let b = 0; b < BLOCKS; b++) {
        const block = at[r]! + b * stride;
        const expected = format === 'mxfp8' ? new Float32Array(32) : new Int8Array(32);
        decodeElements(state.local, block + 1, MX_BLOCK, format, expected, 0);
        const start = rows.offset + r * rows.stride + b * MX_BLOCK;
        assert.deepEqual(rows.elements.slice(start, start + MX_BLOCK), expected);
        assert.equal(rows.scales![r * rows.scaleStride + b], state.local[block]);
      }
    }
  });
}

/**
 * Rows of MX blocks in a local memory, decoded to dense rows. Most of a simulation is here, so each
 * format has a loop of its own that is compiled for its types of arrays; arith/decodeElements says the
 * same.
 */
import type { DotRows } from '../arith/dot.ts';
import { ELEMENTS } from '../arith/mx.ts';
import { MX_BLOCK, type MxFormat } from '../../../ir/index.ts';
import type { ChipState } from './state.ts';

/** Where blocks are: the first of row r at `at[r]`, the next ones of it `stride` bytes on. */
export interface BlockRows {
  readonly at: Float64Array;
  readonly blocks: number;
  readonly stride: number;
}

/** Dense rows in arrays that are kept between instructions, one of each type. */
export class DenseRows {
  private words = new Int32Array(0);
  private integers = new Int8Array(0);
  private floats = new Float32Array(0);
  private scales = new Uint8Array(0);

  /** The rows, decoded; valid until the next call. */
  decode(state: ChipState, rows: BlockRows, format: MxFormat): DotRows {
    const { at, blocks } = rows;
    const count = at.length * blocks;
    if (this.scales.length < count) this.scales = new Uint8Array(count);
    const elements = this.elements(format, count * MX_BLOCK);
    const { scales } = this;
    if (format === 'mxint8') copyBlocks(state.localView, rows, this.words, scales);
    else if (format === 'mxfp8') decodeBytes(state.local, rows, this.floats, scales);
    else decodeNibbles(state.local, rows, this.integers, scales);
    const stride = blocks * MX_BLOCK;
    return { elements, offset: 0, stride, scales, scaleOffset: 0, scaleStride: blocks };
  }

  /** Room for so many elements, a multiple of 4. */
  elements(format: MxFormat, count: number): Int8Array | Float32Array {
    if (format === 'mxfp8') {
      if (this.floats.length < count) this.floats = new Float32Array(count);
      return this.floats;
    }
    if (this.integers.length < count) {
      this.words = new Int32Array(count / 4);
      this.integers = new Int8Array(this.words.buffer);
    }
    return this.integers;
  }
}

/** mxint8: elements are stored as they are, and copied four at a time. */
function copyBlocks(
  from: DataView,
  { at, blocks, stride }: BlockRows,
  words: Int32Array,
  scales: Uint8Array,
): void {
  let to = 0;
  for (let r = 0; r < at.length; r++) {
    for (let b = 0; b < blocks; b++) {
      const block = at[r]! + b * stride;
      scales[r * blocks + b] = from.getUint8(block);
      for (let i = 1; i <= MX_BLOCK; i += 4) words[to++] = from.getInt32(block + i, true);
    }
  }
}

const E4M3 = ELEMENTS.mxfp8 as Float32Array;

function decodeBytes(
  from: Uint8Array,
  { at, blocks, stride }: BlockRows,
  floats: Float32Array,
  scales: Uint8Array,
): void {
  let to = 0;
  for (let r = 0; r < at.length; r++) {
    for (let b = 0; b < blocks; b++) {
      const block = at[r]! + b * stride;
      scales[r * blocks + b] = from[block]!;
      for (let i = 1; i <= MX_BLOCK; i++) floats[to++] = E4M3[from[block + i]!]!;
    }
  }
}

const E2M1 = ELEMENTS.mxfp4 as Int8Array;

function decodeNibbles(
  from: Uint8Array,
  { at, blocks, stride }: BlockRows,
  integers: Int8Array,
  scales: Uint8Array,
): void {
  let to = 0;
  for (let r = 0; r < at.length; r++) {
    for (let b = 0; b < blocks; b++) {
      const block = at[r]! + b * stride;
      scales[r * blocks + b] = from[block]!;
      for (let i = 1; i <= MX_BLOCK / 2; i++) {
        const pair = from[block + i]!;
        integers[to++] = E2M1[pair & 15]!;
        integers[to++] = E2M1[pair >> 4]!;
      }
    }
  }
}

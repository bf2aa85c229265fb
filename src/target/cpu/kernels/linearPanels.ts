/**
 * Products of rows in 8 bits (quantizeRows.ts) and weights in panels (../panels).
 *
 * The sums of a block are exact integers. An output is the sum over its blocks in ascending order, from 0, of
 * f32(Σ level·a − bias·Σa) · (scaleW · scaleA), every operation rounded by itself: the same bits whatever the tile, and
 * as those of the machine code.
 *
 * A panel is walked for each tile of rows of x, a few of its 32 rows at a time, so that all sums stay in registers; only
 * a single row takes it in one go, as it comes from memory.
 */
import {
  type FunctionBuilder,
  type FunctionRef,
  type Local,
  type ModuleBuilder,
} from '../../../wasm/index.ts';
import { PANEL_ROWS, type PanelFormat } from '../panels/panelFormats.table.ts';
import { KERNELS } from './kernels.table.ts';
import {
  byKind,
  convertHalves,
  forFormat,
  HALF_BYTES,
  levelsOf,
  narrowSums,
  PANEL_VECTORS,
  VECTOR_ROWS,
  wideSums,
  type PanelKind,
} from './panelCodes.ts';
import { ACTIVATION_BLOCK } from './quantizeRows.ts';
import { ELEMENT_BYTES, pushProduct, pushRow, pushSplat, VECTOR_BYTES } from './vectors.ts';

/** Rows of x, vectors of rows of w, and how many of those at once. */
interface Tile {
  readonly rows: number;
  readonly vectors: number;
  readonly atOnce: number;
}

/** The most rows first; eight sums in registers each. */
const WIDE_TILES: readonly Tile[] = [
  { rows: 4, vectors: 1, atOnce: 1 },
  { rows: 2, vectors: 2, atOnce: 2 },
  { rows: 1, vectors: 8, atOnce: 4 },
];
const NARROW_TILES: readonly Tile[] = [
  { rows: 4, vectors: 2, atOnce: 2 },
  { rows: 2, vectors: 4, atOnce: 4 },
  { rows: 1, vectors: 8, atOnce: 8 },
];

/** Activations carry their sum times this. */
const LARGEST_BIAS = 128;

/** `limit` rows of the panel there are. Pointers are of the first row; strides in bytes. */
const TILE_PARAMS = {
  x: 'i32',
  xStride: 'i32',
  w: 'i32',
  out: 'i32',
  outStride: 'i32',
  blocks: 'i32',
  limit: 'i32',
  table: 'v128',
} as const;

const WALK_PARAMS = { ...KERNELS.linearPanels, table: 'v128' } as const;

/** Adds `linearPanels`; `relaxed`: whether the host has relaxed SIMD. */
export function addLinearPanels(module: ModuleBuilder, relaxed: boolean): FunctionRef {
  const storeVector = addStoreVector(module);
  const walkOf = byKind((kind, format) => addWalk(module, { kind, format, storeVector, relaxed }));
  const spec = { params: KERNELS.linearPanels, exported: true };
  return module.addFunction('linearPanels', spec, (f, p) => {
    forFormat(f, p.format, (name) => {
      for (const local of Object.values(p)) f.get(local);
      f.emit('v128.const', levelsOf(name)).emit('call', walkOf(name));
    });
  });
}

/** What the code for one kind of panels is made from. */
interface Variant {
  readonly kind: PanelKind;
  readonly format: PanelFormat;
  readonly storeVector: FunctionRef;
  readonly relaxed: boolean;
}

/** All panels, and for each all rows of x. */
function addWalk(module: ModuleBuilder, variant: Variant): FunctionRef {
  const isNarrow = variant.kind === 'nibbles' && variant.relaxed;
  const tiles = (isNarrow ? NARROW_TILES : WIDE_TILES).map((tile) => ({
    rows: tile.rows,
    tile: addTile(module, variant, tile, isNarrow),
  }));
  return module.addFunction(`panels ${variant.kind}`, { params: WALK_PARAMS }, (f, p) => {
    const { x, w, out, outStride, M, N, K, table } = p;
    const [n, m, limit] = [f.local('i32', 'n'), f.local('i32', 'm'), f.local('i32', 'limit')];
    const [blocks, xStride] = [f.local('i32', 'blocks'), f.local('i32', 'xStride')];
    const last = f.local('i32', 'last');
    f.get(K).i32(ACTIVATION_BLOCK.columns).emit('i32.div_u').set(blocks);
    pushProduct(f, blocks, ACTIVATION_BLOCK.bytes).set(xStride);
    pushProduct(f, outStride, ELEMENT_BYTES).set(outStride);
    f.forLoop(n, 0, N, PANEL_ROWS, () => {
      f.get(N).get(n).emit('i32.sub').set(limit);
      f.i32(0).set(m);
      for (const { rows, tile } of tiles) {
        f.get(M).get(M).get(m).emit('i32.sub').i32(rows).emit('i32.rem_u').emit('i32.sub');
        f.set(last);
        f.forLoop(m, m, last, rows, () => {
          pushRow(f, x, m, xStride).get(xStride).get(w);
          pushRow(f, out, m, outStride);
          pushProduct(f, n, ELEMENT_BYTES).emit('i32.add');
          f.get(outStride).get(blocks).get(limit).get(table).emit('call', tile);
        });
      }
      f.get(w);
      pushProduct(f, blocks, variant.format.blockBytes).emit('i32.add').set(w);
    });
  });
}

function addTile(
  module: ModuleBuilder,
  variant: Variant,
  { rows, vectors, atOnce }: Tile,
  isNarrow: boolean,
): FunctionRef {
  const { kind, format, storeVector } = variant;
  return module.addFunction(`panelTile ${kind} ${rows}`, { params: TILE_PARAMS }, (f, p) => {
    const [at, block] = [f.local('i32', 'at'), f.local('i32', 'block')];
    const [lines, halves] = [f.local('i32', 'lines'), f.local('i32', 'halves')];
    const x = Array.from({ length: rows }, () => f.local('i32'));
    const totals = vectorLocals(f, rows, vectors);
    const scales = vectorLocals(f, 1, atOnce)[0]!;
    const sums = isNarrow ? narrowSums(f, rows, atOnce) : wideSums(f, kind, rows, atOnce);
    const addPart = (part: readonly number[]): void => {
      sums.multiply({ f, x, lines, table: p.table }, part);
      for (const [i, vector] of part.entries()) pushScales(f, halves, vector).set(scales[i]!);
      for (const [m, row] of totals.entries()) {
        for (const [i, vector] of part.entries()) {
          sums.push(f, m, i);
          addBlock(f, { x: x[m]!, scale: scales[i]!, total: row[vector]! }, format.bias);
        }
      }
    };
    f.forLoop(at, 0, PANEL_VECTORS, vectors, () => {
      for (const [m, pointer] of x.entries()) {
        f.get(p.x);
        pushProduct(f, p.xStride, m).emit('i32.add').set(pointer);
      }
      pushRow(f, p.w, at, VECTOR_ROWS * HALF_BYTES).set(halves);
      pushRow(f, p.w, at, VECTOR_BYTES).set(lines);
      for (const total of totals.flat()) pushSplat(f, 0).set(total);
      f.forLoop(block, 0, p.blocks, 1, () => {
        for (let i = 0; i < vectors; i += atOnce) addPart(range(i, atOnce));
        for (const pointer of x) f.advance(pointer, ACTIVATION_BLOCK.bytes);
        f.advance(halves, format.blockBytes).advance(lines, format.blockBytes);
      });
      for (const [m, row] of totals.entries()) {
        for (const [i, total] of row.entries()) {
          pushProduct(f, p.outStride, m).get(p.out).emit('i32.add');
          pushProduct(f, at, VECTOR_BYTES)
            .emit('i32.add')
            .i32(VECTOR_BYTES * i)
            .emit('i32.add');
          f.get(p.limit).get(at).i32(i).emit('i32.add').i32(VECTOR_ROWS).emit('i32.mul');
          f.emit('i32.sub').get(total).emit('call', storeVector);
        }
      }
    });
  });
}

interface BlockPlace {
  readonly x: Local;
  readonly scale: Local;
  readonly total: Local;
}

/** Pops the sums of a block and adds (sums − bias · Σa) · (scaleW · scaleA) to the total. */
function addBlock(f: FunctionBuilder, { x, scale, total }: BlockPlace, bias: number): void {
  if (bias > 0) {
    f.get(x).emit('v128.load32_splat', ACTIVATION_BLOCK.sumAt);
    f.i32(Math.log2(LARGEST_BIAS / bias))
      .emit('i32x4.shr_s')
      .emit('i32x4.add');
  }
  f.emit('f32x4.convert_i32x4_s');
  f.get(scale).get(x).emit('v128.load32_splat', ACTIVATION_BLOCK.scaleAt);
  f.emit('f32x4.mul').emit('f32x4.mul').get(total).emit('f32x4.add').set(total);
}

/** Pushes the four scales of a vector. */
function pushScales(f: FunctionBuilder, halves: Local, vector: number): FunctionBuilder {
  f.get(halves).emit('v128.load16x4_u', VECTOR_ROWS * HALF_BYTES * vector);
  return convertHalves(f);
}

/** Stores the first `count` lanes, of which there are four. */
function addStoreVector(module: ModuleBuilder): FunctionRef {
  const params = { out: 'i32', count: 'i32', value: 'v128' } as const;
  return module.addFunction('storeVector', { params }, (f, { out, count, value }) => {
    f.get(count).i32(VECTOR_ROWS).emit('i32.ge_s');
    f.if(() => f.get(out).get(value).emit('v128.store').emit('return'));
    for (let lane = 0; lane < VECTOR_ROWS - 1; lane++) {
      f.get(count).i32(lane).emit('i32.gt_s');
      f.if(() =>
        f
          .get(out)
          .get(value)
          .emit('v128.store32_lane', lane, ELEMENT_BYTES * lane),
      );
    }
  });
}

function vectorLocals(f: FunctionBuilder, rows: number, columns: number): Local[][] {
  return Array.from({ length: rows }, () => Array.from({ length: columns }, () => f.local('v128')));
}

function range(start: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => start + i);
}

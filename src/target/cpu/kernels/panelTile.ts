/** What tiles of products on panels have in common: rows of x, a few rows of w at a time, their sums stored. */
import {
  type FunctionBuilder,
  type FunctionRef,
  type Local,
  type ModuleBuilder,
} from '../../../wasm/index.ts';
import { PANEL_VECTORS, VECTOR_ROWS } from './panelCodes.ts';
import { ELEMENT_BYTES, pushProduct, pushSplat, VECTOR_BYTES } from './vectors.ts';

/** Rows of x, vectors of rows of w, and how many of those at once. */
export interface Tile {
  readonly rows: number;
  readonly vectors: number;
  readonly atOnce: number;
}

/** `limit` rows of the panel there are. Pointers are of the first row; strides in bytes. */
export const TILE_PARAMS = {
  x: 'i32',
  xStride: 'i32',
  w: 'i32',
  out: 'i32',
  outStride: 'i32',
  blocks: 'i32',
  limit: 'i32',
  table: 'v128',
} as const;

/** Where a tile is. */
export interface TileSite {
  readonly f: FunctionBuilder;
  readonly p: Readonly<Record<keyof typeof TILE_PARAMS, Local>>;
  /** The first of its vectors of rows of w. */
  readonly at: Local;
  /** The rows of x, and of the panel the next unit; to be moved on. */
  readonly x: readonly Local[];
  readonly start: Local;
  /** By row of x and vector of rows of w. */
  readonly totals: readonly (readonly Local[])[];
}

/** Adds the tile; what `make` gives emits the sums over all columns. */
export function addTile(
  module: ModuleBuilder,
  name: string,
  { rows, vectors }: Tile,
  storeVector: FunctionRef,
  make: (site: TileSite) => () => void,
): FunctionRef {
  return module.addFunction(`panelTile ${name} ${rows}`, { params: TILE_PARAMS }, (f, p) => {
    const [at, start] = [f.local('i32', 'at'), f.local('i32', 'start')];
    const x = Array.from({ length: rows }, () => f.local('i32'));
    const totals = vectorLocals(f, rows, vectors);
    const site = { f, p, at, x, start, totals };
    const addAll = make(site);
    f.forLoop(at, 0, PANEL_VECTORS, vectors, () => {
      for (const [m, pointer] of x.entries()) {
        f.get(p.x);
        pushProduct(f, p.xStride, m).emit('i32.add').set(pointer);
      }
      f.get(p.w).set(start);
      for (const total of totals.flat()) pushSplat(f, 0).set(total);
      addAll();
      storeTotals(site, storeVector);
    });
  });
}

function storeTotals({ f, p, at, totals }: TileSite, storeVector: FunctionRef): void {
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
}

/** Stores the first `count` lanes, of which there are four. */
export function addStoreVector(module: ModuleBuilder): FunctionRef {
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

/** Locals for a vector of each of so many rows and columns. */
export function vectorLocals(f: FunctionBuilder, rows: number, columns: number): Local[][] {
  return Array.from({ length: rows }, () => Array.from({ length: columns }, () => f.local('v128')));
}

/**
 * What tiles of products on panels have in common: a few rows of x times the 32 rows of a panel, some vectors of those at
 * a time, so that all sums stay in registers; only a single row takes the panel in one go, as it comes from memory.
 *
 * Results are stored side by side and loads are side by side, so that a host may make one of two vectors.
 */
import {
  type FunctionBuilder,
  type FunctionRef,
  type Local,
  type ModuleBuilder,
} from '../../../wasm/index.ts';
import { PANEL_VECTORS, VECTOR_ROWS } from './panelCodes.ts';
import { ELEMENT_BYTES, pushProduct, pushSplat, VECTOR_BYTES } from './vectors.ts';

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

/** A tile of so many rows of x, and vectors of rows of w; `sums` emits what is added over all columns. */
export interface Tile {
  readonly name: string;
  readonly rows: number;
  readonly vectors: number;
  readonly storeVector: FunctionRef;
  sums(site: TileSite): () => void;
}

/** Adds the tile. */
export function addPanelTile(module: ModuleBuilder, tile: Tile): FunctionRef {
  const { name, rows, vectors } = tile;
  return module.addFunction(`panelTile ${name} ${rows}`, { params: TILE_PARAMS }, (f, p) => {
    const [at, start] = [f.local('i32', 'at'), f.local('i32', 'start')];
    const x = Array.from({ length: rows }, () => f.local('i32'));
    const totals = vectorLocals(f, rows, vectors);
    const addAll = tile.sums({ f, p, at, x, start, totals });
    f.forLoop(at, 0, PANEL_VECTORS, vectors, () => {
      for (const [m, pointer] of x.entries()) {
        f.get(p.x);
        pushProduct(f, p.xStride, m).emit('i32.add').set(pointer);
      }
      f.get(p.w).set(start);
      for (const total of totals.flat()) pushSplat(f, 0).set(total);
      addAll();
      storeTotals({ f, p, totals }, tile.storeVector);
      f.advance(p.out, VECTOR_BYTES * vectors).advance(p.limit, -VECTOR_ROWS * vectors);
    });
  });
}

type Totals = Pick<TileSite, 'f' | 'p' | 'totals'>;

function storeTotals(site: Totals, storeVector: FunctionRef): void {
  const { f, p, totals } = site;
  f.get(p.limit).i32(VECTOR_ROWS * totals[0]!.length);
  f.emit('i32.ge_s').if(
    () => forTotals(site, (total, offset) => f.get(total).emit('v128.store', offset)),
    () => {
      forTotals(site, (total, offset) => {
        f.i32(offset).emit('i32.add').get(p.limit);
        f.i32(offset / ELEMENT_BYTES).emit('i32.sub');
        f.get(total).emit('call', storeVector);
      });
    },
  );
}

/** Runs `store` for each total, with the address of its row pushed and its offset there. */
function forTotals({ f, p, totals }: Totals, store: (total: Local, offset: number) => void): void {
  // Of one base, so that a host sees which are side by side.
  const to = f.local('i32');
  f.get(p.out).set(to);
  for (const row of totals) {
    for (const [i, total] of row.entries()) {
      f.get(to);
      store(total, VECTOR_BYTES * i);
    }
    f.advance(to, p.outStride);
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

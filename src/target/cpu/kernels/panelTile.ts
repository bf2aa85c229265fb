/**
 * What tiles of products on panels have in common: a few rows of x times the 32 rows of a panel, some vectors of those at
 * a time, so that sums stay in registers; a single row takes the panel in one go, as it comes from memory.
 *
 * Totals over all columns stay in registers too, and the panel is walked for each strip of vectors; or they are where the
 * results will be, and each unit of columns is walked for all strips, so that a panel is read as it lies in memory.
 *
 * Results are stored side by side and loads are side by side, so that a host may make one of two vectors.
 */
import type { FunctionBuilder, FunctionRef, Local, ModuleBuilder } from '../../../wasm/index.ts';
import { PANEL_VECTORS, VECTOR_ROWS } from './panelCodes.ts';
import { ELEMENT_BYTES, pushProduct, pushRow, pushSplat, VECTOR_BYTES } from './vectors.ts';

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
  /** Rows of x, and vectors of rows of w. */
  readonly rows: number;
  readonly vectors: number;
  /** Whether a unit is walked for all strips. */
  readonly inMemory: boolean;
  /** Emits `body` for the strips that a unit is walked for. */
  forStrips(body: () => void): void;
  /** Emits `body`, which adds to the totals of row m, a local for each vector; rows in ascending order. */
  addToRow(m: number, body: (totals: readonly Local[]) => void): void;
}

/** A tile of so many rows of x, and vectors of rows of w; `sums` emits what is added over all columns. */
export interface Tile {
  readonly name: string;
  readonly rows: number;
  readonly vectors: number;
  /** Whether totals are kept in memory; then all rows of the panel must be there. */
  readonly inMemory: boolean;
  readonly storeVector: FunctionRef;
  sums(site: TileSite): () => void;
}

/** Adds the tile. */
export function addPanelTile(module: ModuleBuilder, tile: Tile): FunctionRef {
  const { name, rows, vectors, inMemory } = tile;
  return module.addFunction(`panelTile ${name} ${rows}`, { params: TILE_PARAMS }, (f, p) => {
    const [at, start] = [f.local('i32', 'at'), f.local('i32', 'start')];
    const x = Array.from({ length: rows }, () => f.local('i32'));
    const setPointers = (): void => {
      for (const [m, pointer] of x.entries()) {
        f.get(p.x);
        pushProduct(f, p.xStride, m).emit('i32.add').set(pointer);
      }
      f.get(p.w).set(start);
    };
    const place = { f, p, at, x, start, rows, vectors, inMemory };
    if (inMemory) sumInMemory(place, tile, setPointers);
    else sumInRegisters(place, tile, setPointers);
  });
}

type Place = Omit<TileSite, 'forStrips' | 'addToRow'>;

function sumInRegisters(place: Place, tile: Tile, setPointers: () => void): void {
  const { f, p, at, rows, vectors } = place;
  const totals = vectorLocals(f, rows, vectors);
  const addAll = tile.sums({
    ...place,
    forStrips: (body) => body(),
    addToRow: (m, body) => body(totals[m]!),
  });
  f.forLoop(at, 0, PANEL_VECTORS, vectors, () => {
    setPointers();
    for (const total of totals.flat()) pushSplat(f, 0).set(total);
    addAll();
    storeTotals({ f, p, totals }, tile.storeVector);
    f.advance(p.out, VECTOR_BYTES * vectors).advance(p.limit, -VECTOR_ROWS * vectors);
  });
}

function sumInMemory(place: Place, tile: Tile, setPointers: () => void): void {
  const { f, p, at, rows, vectors } = place;
  const [totals, to] = [vectorLocals(f, 1, vectors)[0]!, f.local('i32', 'to')];
  const forStrips = (body: () => void) => void f.forLoop(at, 0, PANEL_VECTORS, vectors, body);
  const setRow = (m: number, setTotals: () => void): void => {
    if (m === 0) pushRow(f, p.out, at, VECTOR_BYTES).set(to);
    else f.advance(to, p.outStride);
    setTotals();
    for (const [i, total] of totals.entries()) {
      f.get(to)
        .get(total)
        .emit('v128.store', VECTOR_BYTES * i);
    }
  };
  const addAll = tile.sums({
    ...place,
    forStrips,
    addToRow: (m, body) =>
      setRow(m, () => {
        for (const [i, total] of totals.entries()) {
          f.get(to)
            .emit('v128.load', VECTOR_BYTES * i)
            .set(total);
        }
        body(totals);
      }),
  });
  for (const total of totals) pushSplat(f, 0).set(total);
  forStrips(() => {
    for (let m = 0; m < rows; m++) setRow(m, () => {});
  });
  setPointers();
  addAll();
}

interface Totals extends Pick<TileSite, 'f' | 'p'> {
  /** By row of x and vector of rows of w. */
  readonly totals: readonly (readonly Local[])[];
}

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

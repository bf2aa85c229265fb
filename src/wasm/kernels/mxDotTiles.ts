/**
 * The loop nest of block dot products, whatever the arithmetic inside a block.
 *
 * ```
 * for n in tiles of 4 columns, then single columns     a tile's weights stay in the L1 cache
 *   for m in tiles of 2 rows, then single rows
 *     acc[row] = C or 0                                one f32x4 a row, a lane for each column
 *     for each block of 32 along k, ascending
 *       acc[row] += scaled block sums                  the arithmetic's part
 *     C = acc, with every NaN made the canonical one
 * ```
 *
 * The 2 x 4 block sums and their operands fit the 16 vector registers of x86-64.
 */
import type { FunctionBuilder } from '../function.ts';
import type { Local, ValueType } from '../types.ts';

/** Elements along k that share a scale. */
export const MX_BLOCK = 32;

/** Parameters of a block dot product; pointers in bytes, `accumulate` 0 or 1. */
export const MX_DOT_PARAMS = {
  aPtr: 'i32',
  aScalePtr: 'i32',
  wPtr: 'i32',
  wScalePtr: 'i32',
  cPtr: 'i32',
  M: 'i32',
  N: 'i32',
  K: 'i32',
  cStrideElems: 'i32',
  accumulate: 'i32',
} as const;

/** Addresses of the current block of one row of A or one column of W: elements and scale. */
export interface BlockPointers {
  readonly elements: Local;
  readonly scale: Local;
}

/** A row of a tile: its block of A, its block sums (a v128 for each column), its results. */
export interface TileRow extends BlockPointers {
  readonly sums: readonly Local[];
  /** Address of the row's first result. */
  readonly c: Local;
  readonly accumulator: Local;
}

/** Rows of A times columns of W. */
export interface Tile {
  readonly rows: readonly TileRow[];
  readonly columns: readonly BlockPointers[];
}

/** How the products of one block are summed and scaled. */
export interface BlockArithmetic {
  readonly elementSizeBytes: number;
  /** Emit: set every row's sums, and what of the scales the rows share. */
  emitSums(tile: Tile): void;
  /** Emit: push the f32x4 of the row's block sums times scales, a lane for each column. */
  emitScaled(tile: Tile, row: TileRow): void;
}

const TILE_ROWS = 2;
const TILE_COLUMNS = 4;
const CANONICAL_NAN = 0x7fc0_0000;

interface Nest {
  readonly f: FunctionBuilder;
  readonly params: { readonly [K in keyof typeof MX_DOT_PARAMS]: Local };
  readonly arithmetic: BlockArithmetic;
  readonly m: Local;
  readonly n: Local;
  readonly rowBytes: Local;
  readonly scaleRowBytes: Local;
  /** Where the first row's elements end. */
  readonly end: Local;
  /** The largest tile; smaller ones use its first rows and columns. */
  readonly tile: Tile;
}

/** Emit C[m][n] = (accumulate ? C[m][n] : 0) + scaled block sums, for all m, n. */
export function emitMxDot(
  f: FunctionBuilder,
  params: Nest['params'],
  arithmetic: BlockArithmetic,
): void {
  const nest = declareNest(f, params, arithmetic);
  const { m, n, rowBytes, scaleRowBytes, tile } = nest;
  const { K, M, N, wPtr, wScalePtr, aPtr, aScalePtr } = params;
  f.get(K).i32(arithmetic.elementSizeBytes).emit('i32.mul').set(rowBytes);
  f.get(K)
    .i32(Math.log2(MX_BLOCK / 4))
    .emit('i32.shr_u')
    .set(scaleRowBytes);
  forTiles(f, n, N, TILE_COLUMNS, (numColumns) => {
    const columns = tile.columns.slice(0, numColumns);
    forTiles(f, m, M, TILE_ROWS, (numRows) => {
      const rows = tile.rows.slice(0, numRows);
      emitPointers(nest, columns, n, wPtr, wScalePtr);
      emitPointers(nest, rows, m, aPtr, aScalePtr);
      emitTile(nest, { rows, columns });
    });
  });
}

/** Emit: set `scales` to the f32x4 of the columns' scales of this block. */
export function emitLoadScales(f: FunctionBuilder, { columns }: Tile, scales: Local): void {
  columns.forEach(({ scale }, lane) => {
    f.get(scale);
    if (lane === 0) f.emit('v128.load32_zero');
    else f.get(scales).emit('v128.load32_lane', lane);
    f.set(scales);
  });
}

function declareNest(
  f: FunctionBuilder,
  params: Nest['params'],
  arithmetic: BlockArithmetic,
): Nest {
  const locals = (type: ValueType, name: string, count: number): Local[] =>
    Array.from({ length: count }, (_, i) => f.local(type, `${name}${i}`));
  const rows = Array.from({ length: TILE_ROWS }, (_, i) => ({
    elements: f.local('i32', `a${i}`),
    scale: f.local('i32', `aScale${i}`),
    sums: locals('v128', `sum${i}_`, TILE_COLUMNS),
    c: f.local('i32', `c${i}`),
    accumulator: f.local('v128', `accumulator${i}`),
  }));
  const columns = Array.from({ length: TILE_COLUMNS }, (_, i) => ({
    elements: f.local('i32', `w${i}`),
    scale: f.local('i32', `wScale${i}`),
  }));
  return {
    f,
    params,
    arithmetic,
    m: f.local('i32', 'm'),
    n: f.local('i32', 'n'),
    rowBytes: f.local('i32', 'rowBytes'),
    scaleRowBytes: f.local('i32', 'scaleRowBytes'),
    end: f.local('i32', 'end'),
    tile: { rows, columns },
  };
}

/** Emit `body` for steps of `size` while they fit below `limit`, then for steps of 1. */
function forTiles(
  f: FunctionBuilder,
  index: Local,
  limit: Local,
  size: number,
  body: (size: number) => void,
): void {
  const full = f.local('i32');
  f.get(limit).i32(-size).emit('i32.and').set(full);
  f.forLoop(index, 0, full, size, () => body(size));
  f.forLoop(index, full, limit, 1, () => body(1));
}

function emitPointers(
  { f, rowBytes, scaleRowBytes }: Nest,
  pointers: readonly BlockPointers[],
  first: Local,
  base: Local,
  scaleBase: Local,
): void {
  pointers.forEach(({ elements, scale }, i) => {
    const before = pointers[i - 1];
    if (before) {
      f.get(before.elements).get(rowBytes).emit('i32.add').set(elements);
      f.get(before.scale).get(scaleRowBytes).emit('i32.add').set(scale);
    } else {
      f.get(first).get(rowBytes).emit('i32.mul').get(base).emit('i32.add').set(elements);
      f.get(first).get(scaleRowBytes).emit('i32.mul').get(scaleBase).emit('i32.add').set(scale);
    }
  });
}

function emitTile(nest: Nest, tile: Tile): void {
  const { f, arithmetic, rowBytes, end } = nest;
  const [{ elements }] = tile.rows as [TileRow];
  const blockSizeBytes = MX_BLOCK * arithmetic.elementSizeBytes;
  emitLoadResults(nest, tile);
  f.get(elements).get(rowBytes).emit('i32.add').set(end);
  f.forLoop(elements, elements, end, blockSizeBytes, () => {
    arithmetic.emitSums(tile);
    for (const row of tile.rows) {
      arithmetic.emitScaled(tile, row);
      f.get(row.accumulator).emit('f32x4.add').set(row.accumulator);
    }
    for (const pointers of [...tile.rows, ...tile.columns]) {
      if (pointers.elements !== elements) f.advance(pointers.elements, blockSizeBytes);
      f.advance(pointers.scale, 4);
    }
  });
  for (const row of tile.rows) emitStoreResults(f, row, tile.columns.length);
}

function emitLoadResults({ f, params, m, n }: Nest, { rows, columns }: Tile): void {
  const { cPtr, cStrideElems, accumulate } = params;
  rows.forEach(({ c, accumulator }, i) => {
    f.get(m).i32(i).emit('i32.add').get(cStrideElems).emit('i32.mul').get(n).emit('i32.add');
    f.i32(2).emit('i32.shl').get(cPtr).emit('i32.add').set(c);
    f.get(accumulate).if(
      () => f.get(c).emit(columns.length === 1 ? 'v128.load32_zero' : 'v128.load'),
      () => f.i32(0).emit('i32x4.splat'),
      'v128',
    );
    f.set(accumulator);
  });
}

function emitStoreResults(f: FunctionBuilder, row: TileRow, numColumns: number): void {
  const { c, accumulator } = row;
  f.get(c).get(accumulator).i32(CANONICAL_NAN).emit('i32x4.splat');
  f.get(accumulator).get(accumulator).emit('f32x4.eq').emit('v128.bitselect');
  if (numColumns === 1) f.emit('v128.store32_lane', 0);
  else f.emit('v128.store');
}

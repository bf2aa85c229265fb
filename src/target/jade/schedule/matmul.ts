/** One tile of weights through the matrix unit: the load of the tile and the product that uses it. */
import { blockBytes, FORMAT_CODES, NONE } from '../isa.table.ts';
import { tileAddress } from '../tiles.ts';
import { mxRowBytes, type TiledWeight } from '../memoryRegions.ts';
import { contiguous, type Context } from './context.ts';
import { channelsFrom, type MxPlacement } from './placement.ts';
import { shift, type Operand, type Ref } from './tiles.ts';

/** Activation rows (t, j) of the matrix unit. */
export interface ActivationRows {
  readonly source: MxPlacement;
  readonly tokens: number;
  /** Rows of one token: 1, or the heads that share the weights. */
  readonly inner: number;
  readonly rowCount?: Ref;
  readonly rowList?: Ref;
}

/** f32 results in the accumulators: row r at r · stride. */
export interface Accumulator {
  readonly at: Ref;
  readonly stride: number;
}

export function activationFields(rows: ActivationRows): Record<string, Operand> {
  const { source, tokens, inner, rowCount, rowList } = rows;
  return {
    a: source.at,
    aStride: source.stride,
    aInner: source.headStride,
    rows: tokens * inner,
    inner,
    rowCount: rowCount ?? NONE,
    rowList: rowList ?? NONE,
  };
}

/** accumulator[r][n − n0] = rows · weights for n0 ≤ n < n0 + count; loads skipped when `unless` is zero. */
export function emitProduct(
  context: Context,
  rows: ActivationRows,
  weight: TiledWeight,
  plane: number,
  [n0, count]: readonly [number, number],
  into: Accumulator,
  unless?: Ref,
): void {
  for (let n = n0; n < n0 + count; n += weight.tileRows) {
    const height = Math.min(weight.tileRows, weight.rows - n);
    for (let k = 0; k < weight.columns; k += weight.tileColumns) {
      const width = Math.min(weight.tileColumns, weight.columns - k);
      const tile = loadTile(
        context,
        weight,
        tileAddress(weight, plane, n, k),
        height,
        width,
        unless,
      );
      const from = { ...rows, source: channelsFrom(rows.source, k) };
      context.tiles.emit('matmul', {
        ...activationFields(from),
        ...weightFields(weight, tile, height, width),
        c: shift(into.at, (n - n0) * 4),
        cStride: into.stride,
        accumulate: Number(k > 0),
      });
    }
  }
}

function loadTile(
  context: Context,
  weight: TiledWeight,
  memory: number,
  height: number,
  width: number,
  unless: Ref | undefined,
): Ref {
  const bytes = height * mxRowBytes(width, weight.format);
  const tile = context.tiles.allocate(
    'weights',
    unless === undefined ? 'stream' : 'context',
    bytes,
  );
  context.tiles.emit('load', { ...contiguous(memory, tile, bytes), unless: unless ?? NONE });
  return tile;
}

function weightFields(
  weight: TiledWeight,
  tile: Ref,
  height: number,
  width: number,
): Record<string, Operand> {
  const block = blockBytes(weight.format);
  return {
    w: tile,
    wStride: block,
    wBlockStride: height * block,
    wFormat: FORMAT_CODES[weight.format],
    columns: height,
    transposed: 0,
    k: width,
  };
}

/** How weights lie in tiles, the pieces that an instruction of the matrix unit takes. */
import type { Chip } from '../../chip/index.ts';
import type { TiledWeight } from './memoryRegions.ts';

/** Array widths of a tile along n: longer instructions spread the cost of starting one. */
const TILE_PASSES = 2;
/** Largest tile along k: a tile of weights stays within a few dozen kilobytes. */
const MAX_TILE_COLUMNS = 512;

/** The tile of a weight of `rows` outputs and `columns` inputs. */
export function tileOf(
  rows: number,
  columns: number,
  chip: Chip,
): { readonly tileRows: number; readonly tileColumns: number } {
  return {
    tileRows: Math.min(rows, chip.matrix.columns * TILE_PASSES),
    tileColumns: Math.min(columns, MAX_TILE_COLUMNS),
  };
}

export function tilesOf(weight: TiledWeight): { readonly down: number; readonly across: number } {
  return {
    down: Math.ceil(weight.rows / weight.tileRows),
    across: Math.ceil(weight.columns / weight.tileColumns),
  };
}

/** Address of the tile that holds row `n` and column `k` of a plane. */
export function tileAddress(weight: TiledWeight, plane: number, n: number, k: number): number {
  const { down, across } = tilesOf(weight);
  const index = Math.floor(n / weight.tileRows) * across + Math.floor(k / weight.tileColumns);
  return weight.address + (plane * down * across + index) * weight.slotBytes;
}

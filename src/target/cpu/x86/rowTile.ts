/** Rows of a tile, addressed from one base: row r lies at base + r·stride. */
import { at, type FunctionBuilder, type General, type Memory } from '../../../x86/index.ts';

/** The most rows of a tile whose sums stay in registers: two of 16 columns a row, in integers and in f32, and eight besides. */
export const MAX_ROWS = 6;
/** The most rows of any tile. */
export const MOST_ROWS = 8;

/** Where rows are: cells of the first one's address, and of the bytes between them. */
export interface RowCells {
  readonly base: Memory;
  readonly stride: Memory;
}

/** Registers that reach up to seven rows; eight with the last. */
export interface RowPointers {
  readonly base: General;
  readonly stride: General;
  readonly stride3: General;
  readonly stride5: General;
  readonly stride7?: General;
}

/** Load base and stride of `rows` rows from cells, and the multiples of the stride. */
export function loadRowPointers(
  f: FunctionBuilder,
  { base, stride }: RowCells,
  rows: number,
): RowPointers {
  const [b, s] = f.load(base, stride) as [General, General];
  return rowPointers(f, b, s, rows);
}

/** Pointers to `rows` rows from registers that become theirs. */
export function rowPointers(
  f: FunctionBuilder,
  base: General,
  stride: General,
  rows: number,
): RowPointers {
  const [stride3, stride5] = [f.general(), f.general()];
  f.emit('lea', stride3, at(stride, 0, stride, 2)).emit('lea', stride5, at(stride, 0, stride, 4));
  const pointers = { base, stride, stride3, stride5 };
  if (rows < MOST_ROWS) return pointers;
  const stride7 = f.general();
  f.emit('lea', stride7, at(stride3, 0, stride, 4));
  return { ...pointers, stride7 };
}

/** Give the registers back. */
export function freeRowPointers(f: FunctionBuilder, pointers: RowPointers): void {
  f.free(...Object.values(pointers));
}

/** Memory at `displacement` bytes in row `row`. */
export function atRow(pointers: RowPointers, row: number, displacement: number): Memory {
  const { base, stride, stride3, stride5, stride7 } = pointers;
  switch (row) {
    case 0:
      return at(base, displacement);
    case 3:
      return at(base, displacement, stride3);
    case 5:
      return at(base, displacement, stride5);
    case 6:
      return at(base, displacement, stride3, 2);
    case 7:
      return at(base, displacement, stride7!);
    default:
      return at(base, displacement, stride, row as 1 | 2 | 4);
  }
}

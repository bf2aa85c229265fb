/**
 * Matrices stored transposed, [in, out], as AWQ and GPTQ do: a row of the weight is a column of the
 * file, and scales and zero points are rows [groups, out].
 */
import { problemsError } from '../../../base/index.ts';
import type { JsonRecord } from '../../../base/index.ts';
import type { StoredTensor } from '../safetensors.ts';
import { placeOf, requireShape } from '../weight.ts';
import type { Weight } from '../weight.ts';

/** Rows and columns that are transposed together, so that both sides stay in the cache. */
const TILE = 64;

/** Columns of a matrix of words, 4 bytes each, or of halves. */
export interface Columns {
  /** Bytes row-major, `count` elements a row. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly count: number;
}

/** Read `count` columns from `first` of a matrix; whole rows in one piece, others row by row. */
export function readColumns(tensor: StoredTensor, first: number, count: number): Columns {
  const { source, offset, shape, sizeBytes } = tensor;
  const [rows = 0, width = 0] = shape;
  if (count === width || rows === 0) return { bytes: source.read(offset, sizeBytes), count };
  const elementBytes = sizeBytes / (rows * width);
  const bytes = new Uint8Array(rows * count * elementBytes);
  for (let row = 0; row < rows; row++) {
    const from = offset + (row * width + first) * elementBytes;
    bytes.set(source.read(from, count * elementBytes), row * count * elementBytes);
  }
  return { bytes, count };
}

/**
 * Elements of a row that share a scale: `group_size`, or all of them where that is -1 or absent. Throws
 * ShapeError when `scales` has other than the groups that follow.
 */
export function columnsPerGroup(
  { group_size: size = -1 }: JsonRecord,
  [out, width]: readonly [number, number],
  scales: StoredTensor,
): number {
  const whole = size === -1 || size === null;
  const columns = whole ? Math.max(width, 1) : size;
  if (typeof columns !== 'number' || !Number.isInteger(columns) || columns < 1) {
    const found = `quantization_config.group_size must be a positive integer or -1, not ${String(size)}`;
    throw problemsError([found], placeOf(scales));
  }
  requireShape(scales, [Math.ceil(width / columns), out]);
  return columns;
}

/** Group of each of `width` elements where groups are in order. */
export function groupsInOrder(width: number, columns: number): Int32Array {
  return Int32Array.from({ length: width }, (_, i) => Math.floor(i / columns));
}

/** Rows of scales and zero points for some rows of the weight: [groups, count], row-major. */
export interface GroupValues {
  readonly scales: Float32Array;
  readonly zeros: Float32Array;
}

export interface PackedColumns {
  readonly stored: readonly [StoredTensor, ...StoredTensor[]];
  readonly shape: readonly [out: number, width: number];
  readonly bits: number;
  /** Group of each of the `in` elements of a row. */
  readonly groupOf: () => Int32Array;
  readonly readGroups: (start: number, count: number) => GroupValues;
  /** Codes of `count` rows of the weight from `start`, as the file has them: [in, count]. */
  readonly readCodes: (start: number, count: number) => Uint8Array;
}

/** The weight with value (code − zero) · scale, which is exact where scales are f16 or bf16. */
export function packedColumns(columns: PackedColumns): Weight {
  const { stored, shape, bits } = columns;
  const width = shape[1];
  return {
    shape,
    stored,
    rowBytes: (width * bits) / 8,
    decodeRows: (start, out) =>
      decodeColumns(columns, start, width === 0 ? 0 : out.length / width, out),
  };
}

function decodeColumns(
  { shape, groupOf, readGroups, readCodes }: PackedColumns,
  start: number,
  count: number,
  out: Float32Array,
): void {
  const width = shape[1];
  const groups = groupOf();
  const { scales, zeros } = readGroups(start, count);
  const codes = readCodes(start, count);
  const decodeTile = (firstRow: number, firstColumn: number): void => {
    const [endRow, endColumn] = [firstRow + TILE, firstColumn + TILE];
    for (let row = firstRow; row < Math.min(endRow, count); row++) {
      for (let column = firstColumn; column < Math.min(endColumn, width); column++) {
        const at = groups[column]! * count + row;
        out[row * width + column] = (codes[column * count + row]! - zeros[at]!) * scales[at]!;
      }
    }
  };
  for (let row = 0; row < count; row += TILE) {
    for (let column = 0; column < width; column += TILE) decodeTile(row, column);
  }
}

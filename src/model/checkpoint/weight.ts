/**
 * A weight as the families see it: f32 values by row, whatever tensors it is stored in.
 *
 * A format says where a weight lies (`Weight`); readRowsF32 reads it in slices of a few megabytes, so
 * the cost in memory is that of the result.
 */
import { CapacityError, FormatError, formatBytes, ShapeError } from '../../base/index.ts';
import type { ByteSource } from '../../base/index.ts';
import type { FilePlace, StoredPart, StoredRows } from '../../ir/index.ts';
import { elementCount } from './safetensors.ts';
import type { StoredTensor } from './safetensors.ts';

/** Where a weight lies and how its rows are decoded; a row is all but the first extent. */
export interface Weight {
  readonly shape: readonly number[];
  /** The tensors it is read from, the one with its elements first. */
  readonly stored: readonly [StoredTensor<string>, ...StoredTensor<string>[]];
  /** Bytes to be read for a row. */
  readonly rowBytes: number;
  /** Decode the rows from `start` that fill `out`. */
  readonly decodeRows: (start: number, out: Float32Array) => void;
  /** Its rows as they are stored, where they are whole rows of a known format. */
  readonly rows?: StoredRows | undefined;
  /** What is stored apart for the weights that it is made of, by their names: `key`, `value`. */
  readonly parts?: Readonly<Record<string, StoredPart>>;
}

const SLICE_BYTES = 2 ** 22;

/** Read `count` rows from row `start` as f32. Throws FormatError at a NaN or an infinity, with its index. */
export function readRowsF32(weight: Weight, start: number, count: number): Float32Array {
  const width = rowWidth(weight.shape);
  const result = allocate(count * width, weight);
  const rowsPerSlice = Math.max(1, Math.floor(SLICE_BYTES / weight.rowBytes));
  for (let row = 0; row < count; row += rowsPerSlice) {
    const rows = Math.min(rowsPerSlice, count - row);
    const slice = result.subarray(row * width, (row + rows) * width);
    weight.decodeRows(start + row, slice);
    requireFinite(slice, (start + row) * width, weight);
  }
  return result;
}

/** Number of rows; a scalar is one row. */
export function rowCount(shape: readonly number[]): number {
  return shape[0] ?? 1;
}

/** Elements of a row. */
export function rowWidth(shape: readonly number[]): number {
  return elementCount(shape.slice(1));
}

/** The bytes of `count` rows of a tensor from row `start`. */
export function readRowBytes(
  { source, offset, shape, sizeBytes }: StoredTensor<string>,
  start: number,
  count: number,
): Uint8Array<ArrayBuffer> {
  const rows = rowCount(shape);
  const rowBytes = rows === 0 ? 0 : sizeBytes / rows;
  return source.read(offset + start * rowBytes, count * rowBytes);
}

/** The place of byte `offset` of a source, where that is an open file. */
export function filePlace({ descriptor }: ByteSource, offset: number): FilePlace | undefined {
  return descriptor === undefined ? undefined : { descriptor, offset };
}

/** Throw ShapeError unless the tensor has this shape. */
export function requireShape(
  tensor: Pick<StoredTensor<string>, 'name' | 'shape' | 'source'>,
  required: readonly number[],
): void {
  const { shape } = tensor;
  const same =
    shape.length === required.length && shape.every((extent, i) => extent === required[i]);
  if (!same) throw shapeError(tensor, `shape [${required.join(', ')}]`);
}

/** The tensor must have what `requirement` says, and has another shape. */
export function shapeError(
  { name, shape, source }: Pick<StoredTensor<string>, 'name' | 'shape' | 'source'>,
  requirement: string,
): ShapeError {
  return new ShapeError(`tensor ${name} must have ${requirement}, not [${shape.join(', ')}]`, {
    where: source.name,
    hint: 'check that config.json and the weights belong to the same model',
  });
}

function allocate(length: number, { stored }: Weight): Float32Array<ArrayBuffer> {
  try {
    return new Float32Array(length);
  } catch {
    throw new CapacityError(`reading needs ${formatBytes(4 * length)} of memory in one piece`, {
      where: placeOf(stored[0]),
      hint: 'free some memory, or use a smaller model',
    });
  }
}

function requireFinite(values: Float32Array, firstIndex: number, { stored }: Weight): void {
  const bad = firstNonFinite(values);
  if (bad < 0) return;
  throw new FormatError(`weights must be finite, not ${values[bad]} at index ${firstIndex + bad}`, {
    where: placeOf(stored[0]),
    hint: 'get the file again; if it is as published, config.json lacks the quantisation it needs',
  });
}

/** The tensor and its file, for messages. */
export function placeOf({ name, source }: Pick<StoredTensor<string>, 'name' | 'source'>): string {
  return `tensor ${name} in ${source.name}`;
}

/** Index of the first NaN or infinity, or -1; only those differ from themselves by other than 0. */
function firstNonFinite(values: Float32Array): number {
  for (let i = 0; i < values.length; i++) if (values[i] - values[i] !== 0) return i;
  return -1;
}

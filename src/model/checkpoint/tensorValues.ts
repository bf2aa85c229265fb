/**
 * Stored tensors as f32 values.
 *
 * F8_E4M3 matrices are scaled in blocks: DeepSeek-V3 stores beside `weight` [out, in] a matrix
 * `weight_scale_inv` [ceil(out / 128), ceil(in / 128)], which is a multiplier despite its name.
 * Both factors fit in f64 without loss, so each weight is rounded to f32 once.
 *
 * A tensor is read in slices of a few megabytes, so the cost in memory is that of the result.
 *
 * [1] https://github.com/deepseek-ai/DeepSeek-V3/blob/main/README_WEIGHTS.md
 */
import {
  bf16ToF32,
  CapacityError,
  F8E4M3_VALUES,
  f16ToF32,
  FormatError,
  formatBytes,
  UnsupportedError,
} from '../../base/index.ts';
import { dtypeBytes, elementCount } from './safetensors.ts';
import type { StoredTensor, TensorDType } from './safetensors.ts';

/** Scales of a matrix, one for each block of `rows` × `columns`, row-major. */
export interface BlockScales {
  readonly rows: number;
  readonly columns: number;
  readonly values: Float32Array;
}

const SLICE_BYTES = 2 ** 20;

type Decoder = (bytes: Uint8Array<ArrayBuffer>) => Float32Array;

const DECODERS: Partial<Record<TensorDType, Decoder>> = {
  F32: (bytes) => new Float32Array(bytes.buffer),
  F16: (bytes) => f16ToF32(new Uint16Array(bytes.buffer)),
  BF16: (bytes) => bf16ToF32(new Uint16Array(bytes.buffer)),
  F8_E4M3: decodeF8E4M3,
};

/** What the values of a weight are: integers only where a model has a table of them, such as of experts by token. */
export type WeightKind = 'numbers' | 'integers';

const INTEGER_DECODERS: Partial<Record<TensorDType, Decoder>> = {
  I32: (bytes) => exactIntegers(new Int32Array(bytes.buffer)),
  I64: (bytes) => exactIntegers(Array.from(new BigInt64Array(bytes.buffer), Number)),
};

/** Integers as f32; NaN, which is refused, for one too large to be exact. */
function exactIntegers(integers: ArrayLike<number>): Float32Array {
  return Float32Array.from(integers, (i) => (Math.fround(i) === i ? i : NaN));
}

/**
 * Read `count` rows from row `start` as f32, times their block's scale where `scales` are given.
 * A row is all but the first extent. Throws FormatError at a NaN or an infinity, with its index.
 */
export function readRowsF32(
  tensor: StoredTensor,
  start: number,
  count: number,
  scales?: BlockScales,
  kind: WeightKind = 'numbers',
): Float32Array {
  const decode = decoderOf(tensor, kind);
  const width = elementCount(tensor.shape.slice(1));
  const rowBytes = width * dtypeBytes(tensor.dtype);
  const rowsPerSlice = Math.max(1, Math.floor(SLICE_BYTES / rowBytes));
  const result = allocate(count * width, tensor);
  for (let row = start; row < start + count; row += rowsPerSlice) {
    const rows = Math.min(rowsPerSlice, start + count - row);
    const bytes = tensor.source.read(tensor.offset + row * rowBytes, rows * rowBytes);
    const values = decode(bytes);
    if (scales) scaleBlocks(values, row, width, scales);
    requireFinite(values, row * width, tensor);
    result.set(values, (row - start) * width);
  }
  return result;
}

function decodeF8E4M3(codes: Uint8Array): Float32Array {
  const values = new Float32Array(codes.length);
  for (let i = 0; i < codes.length; i++) values[i] = F8E4M3_VALUES[codes[i]];
  return values;
}

/** Throws UnsupportedError for a tensor whose format readRowsF32 cannot read. */
export function requireReadable(tensor: StoredTensor, kind: WeightKind = 'numbers'): void {
  decoderOf(tensor, kind);
}

function decoderOf({ dtype, name, source }: StoredTensor, kind: WeightKind): Decoder {
  const decoders = kind === 'integers' ? INTEGER_DECODERS : DECODERS;
  const decode = decoders[dtype];
  if (decode) return decode;
  throw new UnsupportedError(
    `weights must be stored as ${Object.keys(decoders).join(', ')}, not ${dtype}`,
    {
      where: `tensor ${name} in ${source.name}`,
      hint: 'use the BF16 weights of this model, or the FP8 weights in 128 × 128 blocks',
    },
  );
}

function allocate(length: number, { name, source }: StoredTensor): Float32Array<ArrayBuffer> {
  try {
    return new Float32Array(length);
  } catch {
    throw new CapacityError(`reading needs ${formatBytes(4 * length)} of memory in one piece`, {
      where: `tensor ${name} in ${source.name}`,
      hint: 'free some memory, or use a smaller model',
    });
  }
}

/** Multiply whole rows, the first of which is row `firstRow` of the matrix, in place. */
function scaleBlocks(
  values: Float32Array,
  firstRow: number,
  width: number,
  { rows, columns, values: scales }: BlockScales,
): void {
  const scalesPerRow = Math.ceil(width / columns);
  for (let begin = 0; begin < values.length; begin += width) {
    const firstScale = Math.floor((firstRow + begin / width) / rows) * scalesPerRow;
    for (let column = 0; column < width; column++) {
      values[begin + column] *= scales[firstScale + Math.floor(column / columns)];
    }
  }
}

function requireFinite(values: Float32Array, firstIndex: number, tensor: StoredTensor): void {
  const bad = firstNonFinite(values);
  if (bad < 0) return;
  throw new FormatError(`weights must be finite, not ${values[bad]} at index ${firstIndex + bad}`, {
    where: `tensor ${tensor.name} in ${tensor.source.name}`,
    hint: 'get the file again; if it is as published, config.json lacks the quantisation it needs',
  });
}

/** Index of the first NaN or infinity, or -1; only those differ from themselves by other than 0. */
function firstNonFinite(values: Float32Array): number {
  for (let i = 0; i < values.length; i++) if (values[i] - values[i] !== 0) return i;
  return -1;
}

/** Elements of stored tensors as f32 values, exactly. */
import {
  bf16ToF32,
  E8M0_VALUES,
  F8E4M3_VALUES,
  f16ToF32,
  UnsupportedError,
} from '../../base/index.ts';
import type { StoredFormat, StoredRows } from '../../ir/index.ts';
import { dtypeBytes } from './safetensors.ts';
import type { StoredTensor, TensorDType } from './safetensors.ts';
import { filePlace, placeOf, readRowBytes, rowWidth } from './weight.ts';
import type { Weight } from './weight.ts';

/** Bytes from the start of their buffer to values. */
export type Decoder = (bytes: Uint8Array<ArrayBuffer>) => Float32Array;

const DECODERS: Partial<Record<TensorDType, Decoder>> = {
  F32: (bytes) => new Float32Array(bytes.buffer),
  F16: (bytes) => f16ToF32(new Uint16Array(bytes.buffer)),
  BF16: (bytes) => bf16ToF32(new Uint16Array(bytes.buffer)),
  F8_E4M3: (bytes) => lookUp(bytes, F8E4M3_VALUES),
  F8_E8M0: (bytes) => lookUp(bytes, E8M0_VALUES),
  I8: (bytes) => Float32Array.from(new Int8Array(bytes.buffer)),
};

/** The dtypes that are weights without any scale. */
const PLAIN: readonly string[] = ['F32', 'F16', 'BF16'];

/** Whether a tensor is a weight as it stands. */
export function isPlain({ dtype }: StoredTensor): boolean {
  return PLAIN.includes(dtype);
}

/** What the values of a weight are: integers only where a model has a table of them, such as of experts by token. */
export type WeightKind = 'numbers' | 'integers';

const INTEGER_DECODERS: Partial<Record<string, Decoder>> = {
  I32: (bytes) => exactIntegers(new Int32Array(bytes.buffer)),
  I64: (bytes) => exactIntegers(Array.from(new BigInt64Array(bytes.buffer), Number)),
};

/** Integers as f32; NaN, which is refused, for one too large to be exact. */
function exactIntegers(integers: ArrayLike<number>): Float32Array {
  return Float32Array.from(integers, (i) => (Math.fround(i) === i ? i : NaN));
}

/** A tensor of any shape whose elements are the weights. */
export function plainWeight(tensor: StoredTensor): Weight {
  return { ...weightBy(decoderOf(tensor), tensor), rows: plainRows(tensor) };
}

/** The rows of a matrix of plain numbers, or a stack of such. */
function plainRows(tensor: StoredTensor): StoredRows | undefined {
  const { dtype, shape, source, offset } = tensor;
  if (!isPlain(tensor) || shape.length < 2) return undefined;
  const rowBytes = shape.at(-1)! * dtypeBytes(dtype);
  return {
    format: dtype as StoredFormat,
    rowBytes,
    file: filePlace(source, offset),
    readBytes: (start, count, room) =>
      source.read(offset + start * rowBytes, count * rowBytes, room),
  };
}

/** A tensor whose elements are integers. Throws UnsupportedError when it is stored as something else. */
export function integerTable(tensor: StoredTensor<string>): Weight {
  const decode = INTEGER_DECODERS[tensor.dtype];
  if (decode !== undefined) return weightBy(decode, tensor as StoredTensor);
  const known = Object.keys(INTEGER_DECODERS).join(', ');
  throw new UnsupportedError(
    `a table of integers must be stored as ${known}, not ${tensor.dtype}`,
    {
      where: placeOf(tensor),
      hint: 'use the checkpoint as its makers publish it',
    },
  );
}

function weightBy(decode: Decoder, tensor: StoredTensor): Weight {
  const width = rowWidth(tensor.shape);
  return {
    shape: tensor.shape,
    stored: [tensor],
    rowBytes: width * dtypeBytes(tensor.dtype),
    decodeRows: (start, out) =>
      out.set(decode(readRowBytes(tensor, start, width === 0 ? 0 : out.length / width))),
  };
}

/** What decodes elements of a tensor. Throws UnsupportedError for a format that stands for no f32. */
export function decoderOf(tensor: StoredTensor): Decoder {
  const decode = DECODERS[tensor.dtype];
  if (decode) return decode;
  throw unreadable(tensor);
}

/** The weight is stored in a way that the checkpoint's configuration does not explain. */
export function unreadable(tensor: StoredTensor): UnsupportedError {
  return new UnsupportedError(
    `weights must be stored as ${PLAIN.join(', ')}, or as quantization_config says, not ${tensor.dtype}`,
    {
      where: placeOf(tensor),
      hint: 'use the BF16 weights of this model, or one of the formats in docs/formats.md',
    },
  );
}

/** The value of each code. */
export function lookUp(codes: Uint8Array, values: Float32Array): Float32Array {
  const result = new Float32Array(codes.length);
  for (let i = 0; i < codes.length; i++) result[i] = values[codes[i]];
  return result;
}

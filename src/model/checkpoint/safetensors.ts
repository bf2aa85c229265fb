/**
 * The header of a .safetensors file [1]: which tensor lies where.
 *
 *   offset  bytes  content
 *   0       8      n, u64 little-endian, at most 20 MB here (the format allows 100)
 *   8       n      JSON: { "name": { "dtype", "shape", "data_offsets": [begin, end] }, ..., "__metadata__" }
 *   8 + n          the data; offsets count from here, tensors lie back to back without gaps
 *
 * Only these 8 + n bytes are read, whatever the size of the file, and nothing in them is believed:
 * a tensor that passes lies inside the file, has the length of its shape and shares no byte.
 *
 * [1] https://github.com/huggingface/safetensors#format
 */
import { z } from 'zod';
import { FormatError, parseJsonRecord } from '../../base/index.ts';
import { requireSchema } from '../../schema/index.ts';
import type { ByteSource } from '../../base/index.ts';

/** Bytes of one element of each dtype that safetensors stores in whole bytes. */
const DTYPE_BYTES = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  F8_E4M3: 1,
  F8_E5M2: 1,
  F8_E8M0: 1,
  U16: 2,
  I16: 2,
  F16: 2,
  BF16: 2,
  U32: 4,
  I32: 4,
  F32: 4,
  U64: 8,
  I64: 8,
  F64: 8,
} as const;

/** Element type as safetensors spells it. */
export type TensorDType = keyof typeof DTYPE_BYTES;

/** A tensor in a file: row-major, little-endian, `sizeBytes` from `offset` of the file. */
export interface StoredTensor<D extends string = TensorDType> {
  readonly name: string;
  readonly source: ByteSource;
  readonly dtype: D;
  readonly shape: readonly number[];
  readonly offset: number;
  readonly sizeBytes: number;
}

const LENGTH_BYTES = 8;
/** 100 000 tensors: ten times what any published file has. */
const MAX_HEADER_BYTES = 20_000_000;
const MAX_RANK = 16;

const GET_AGAIN = 'get the file again: it is cut short, damaged, or no safetensors file';

const SHAPE = `an array of at most ${MAX_RANK} extents`;
const count = z.int('a non-negative integer').min(0, 'a non-negative integer');
const dtypes = Object.keys(DTYPE_BYTES) as TensorDType[];
const ENTRY = z.object(
  {
    dtype: z.enum(dtypes, `one of ${dtypes.join(', ')}`),
    shape: z.array(count, SHAPE).max(MAX_RANK, SHAPE),
    data_offsets: z.tuple([count, count], 'two offsets'),
  },
  'an object',
);

/** Read and check the header. Throws FormatError naming the file and the tensor. */
export function readSafetensorsHeader(source: ByteSource): Map<string, StoredTensor> {
  const headerBytes = readHeaderLength(source);
  const header = parseJsonRecord(source.read(LENGTH_BYTES, headerBytes), source.name);
  const dataStart = LENGTH_BYTES + headerBytes;
  const tensors = new Map<string, StoredTensor>();
  for (const [name, entry] of Object.entries(header)) {
    if (name !== '__metadata__') tensors.set(name, placeTensor(name, entry, source, dataStart));
  }
  requireBackToBack([...tensors.values()], source, dataStart);
  return tensors;
}

/** Number of elements of a shape; 1 for a scalar. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, extent) => product * extent, 1);
}

/** Bytes of one element. */
export function dtypeBytes(dtype: TensorDType): number {
  return DTYPE_BYTES[dtype];
}

function readHeaderLength(source: ByteSource): number {
  const where = source.name;
  if (source.sizeBytes < LENGTH_BYTES) {
    throw new FormatError(`a safetensors file must have 8 bytes or more, not ${source.sizeBytes}`, {
      where,
      hint: GET_AGAIN,
    });
  }
  const [length] = new BigUint64Array(source.read(0, LENGTH_BYTES).buffer);
  const limit = Math.min(MAX_HEADER_BYTES, source.sizeBytes - LENGTH_BYTES);
  if (length! <= limit) return Number(length);
  throw new FormatError(`the header must have at most ${limit} bytes, not ${length}`, {
    where,
    hint: GET_AGAIN,
  });
}

function placeTensor(
  name: string,
  entry: unknown,
  source: ByteSource,
  dataStart: number,
): StoredTensor {
  const where = `tensor ${name} in ${source.name}`;
  const { dtype, shape, data_offsets } = requireSchema(ENTRY, entry, where);
  const [begin, end] = data_offsets;
  const sizeBytes = elementCount(shape) * dtypeBytes(dtype);
  if (end - begin !== sizeBytes) {
    throw new FormatError(
      `${dtype} [${shape}] must take ${sizeBytes} bytes, not ${end - begin} (${begin} to ${end})`,
      { where, hint: GET_AGAIN },
    );
  }
  return { name, source, dtype, shape, offset: dataStart + begin, sizeBytes };
}

/** One rule for overlaps, holes and ends beyond the file: each tensor starts where the last one ended. */
function requireBackToBack(
  tensors: readonly StoredTensor[],
  source: ByteSource,
  dataStart: number,
): void {
  let end = dataStart;
  for (const { name, offset, sizeBytes } of tensors.toSorted(byPosition)) {
    if (offset !== end) {
      throw new FormatError(
        `data must start at byte ${end - dataStart}, where the tensor before ends, ` +
          `not at ${offset - dataStart}; tensors must neither overlap nor leave holes`,
        { where: `tensor ${name} in ${source.name}`, hint: GET_AGAIN },
      );
    }
    end = offset + sizeBytes;
  }
  if (end === source.sizeBytes) return;
  throw new FormatError(`the file must have ${end} bytes, not ${source.sizeBytes}`, {
    where: source.name,
    hint: GET_AGAIN,
  });
}

function byPosition(a: StoredTensor, b: StoredTensor): number {
  return a.offset - b.offset || a.sizeBytes - b.sizeBytes;
}

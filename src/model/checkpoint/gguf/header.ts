/**
 * The head of a GGUF file [1], versions 2 and 3: metadata, and which tensor lies where.
 *
 *   "GGUF", u32 version, u64 tensors, u64 entries of metadata
 *   entry:   text key, u32 type, value; text is a u64 length and UTF-8 bytes, an array a u32 type,
 *            a u64 count and its values
 *   tensor:  text name, u32 rank, u64 extents from the innermost, u32 type, u64 offset
 *   padding to `general.alignment`, and the data; offsets count from there
 *
 * Nothing is believed: counts are bounded before memory is taken, and a tensor that passes lies inside
 * the file, has the length of its shape and shares no byte.
 *
 * [1] https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
 */
import { FormatError, UnsupportedError } from '../../../base/index.ts';
import type { ByteSource } from '../../../base/index.ts';
import { elementCount } from '../safetensors.ts';
import type { StoredTensor } from '../safetensors.ts';
import type { TextList } from '../../textList.ts';
import { Cursor, GET_AGAIN } from './cursor.ts';
import { GGML_TYPES } from './ggmlTypes.table.ts';
import type { GgmlType } from './ggmlTypes.table.ts';

export type GgufValue =
  | number
  | boolean
  | string
  | readonly (number | boolean | string)[]
  | TextList;

export interface GgufHeader {
  readonly metadata: ReadonlyMap<string, GgufValue>;
  readonly tensors: ReadonlyMap<string, StoredTensor<string>>;
}

const MAGIC = 0x46554747; // "GGUF", little-endian
const MAX_HEADER_BYTES = 96 * 2 ** 20; // the largest vocabularies take 15
const MAX_ENTRIES = 10_000;
const MAX_TENSORS = 100_000;
const MAX_VALUES = 2_000_000; // a vocabulary of 250 000 has tokens, kinds and merges
const MAX_KEY_BYTES = 1024;
const MAX_TEXT_BYTES = 2 ** 24;
const MAX_RANK = 4;
const MAX_ALIGNMENT = 2 ** 20;
const DEFAULT_ALIGNMENT = 32;
const ARRAY = 9;

/** Smallest bytes of a tensor's entry, and of an entry of metadata. */
const LEAST_TENSOR_BYTES = 24;
const LEAST_ENTRY_BYTES = 13;

type Scalar = number | boolean | string;

/** How values of a type are read, and the least bytes of one. */
interface ScalarType {
  readonly leastBytes: number;
  readonly one: (cursor: Cursor, what: string) => Scalar;
  readonly many: (cursor: Cursor, count: number, what: string) => readonly Scalar[] | TextList;
}

function numbers(bytes: number, read: (view: DataView, at: number) => number): ScalarType {
  return {
    leastBytes: bytes,
    one: (cursor, what) => cursor.take(bytes, what, read),
    many: (cursor, count, what) => cursor.list(count, bytes, what, read),
  };
}

const FLAGS: ScalarType = {
  leastBytes: 1,
  one: readFlag,
  many: (cursor, count, what) => Array.from({ length: count }, () => readFlag(cursor, what)),
};
const TEXTS: ScalarType = {
  leastBytes: 8,
  one: (cursor, what) => cursor.text(MAX_TEXT_BYTES, what),
  many: (cursor, count, what) => cursor.texts(count, MAX_TEXT_BYTES, what),
};

/** Scalars by their type number. Integers beyond 2^53 lose their low bits. */
const SCALARS: ReadonlyMap<number, ScalarType> = new Map([
  [0, numbers(1, (view, at) => view.getUint8(at))],
  [1, numbers(1, (view, at) => view.getInt8(at))],
  [2, numbers(2, (view, at) => view.getUint16(at, true))],
  [3, numbers(2, (view, at) => view.getInt16(at, true))],
  [4, numbers(4, (view, at) => view.getUint32(at, true))],
  [5, numbers(4, (view, at) => view.getInt32(at, true))],
  [6, numbers(4, (view, at) => view.getFloat32(at, true))],
  [7, FLAGS],
  [8, TEXTS],
  [10, numbers(8, (view, at) => Number(view.getBigUint64(at, true)))],
  [11, numbers(8, (view, at) => Number(view.getBigInt64(at, true)))],
  [12, numbers(8, (view, at) => view.getFloat64(at, true))],
]);

/** Read and check the head. Throws FormatError or UnsupportedError naming the file and what is wrong in it. */
export function readGgufHeader(source: ByteSource): GgufHeader {
  const cursor = new Cursor(source, MAX_HEADER_BYTES);
  requireVersion(cursor);
  const tensorCount = cursor.count(MAX_TENSORS, 'the number of tensors');
  const entryCount = cursor.count(MAX_ENTRIES, 'the number of entries of metadata');
  const least = tensorCount * LEAST_TENSOR_BYTES + entryCount * LEAST_ENTRY_BYTES;
  cursor.require(least, `${tensorCount} tensors and ${entryCount} entries of metadata`);
  const metadata = readMetadata(cursor, entryCount);
  const infos = Array.from({ length: tensorCount }, () => readTensorInfo(cursor));
  return { metadata, tensors: placeTensors(infos, cursor, alignmentOf(metadata, source)) };
}

function requireVersion(cursor: Cursor): void {
  const where = cursor.source.name;
  const magic = cursor.u32('the mark of the format');
  if (magic !== MAGIC) {
    throw new FormatError('a GGUF file must start with "GGUF", and does not', {
      where,
      hint: GET_AGAIN,
    });
  }
  const version = cursor.u32('the version');
  if (version === 2 || version === 3) return;
  const swapped = version !== 0 && (version & 0xffff) === 0;
  throw new UnsupportedError(
    swapped
      ? 'the file must be little-endian, not big-endian'
      : `the version must be 2 or 3, not ${version}`,
    { where, hint: 'convert the model again with a newer llama.cpp, on a little-endian machine' },
  );
}

function readMetadata(cursor: Cursor, count: number): Map<string, GgufValue> {
  const metadata = new Map<string, GgufValue>();
  let values = 0;
  for (let i = 0; i < count; i++) {
    const key = cursor.text(MAX_KEY_BYTES, `the name of entry ${i}`);
    if (metadata.has(key)) throw damaged(cursor, `metadata must have ${key} once, not twice`);
    const value = readValue(cursor, key, MAX_VALUES - values);
    values += typeof value === 'object' ? value.length : 1;
    metadata.set(key, value);
  }
  return metadata;
}

function readValue(cursor: Cursor, key: string, most: number): GgufValue {
  const type = cursor.u32(`the type of ${key}`);
  if (type !== ARRAY) return scalarOf(cursor, key, type).one(cursor, key);
  const inner = cursor.u32(`the type of the elements of ${key}`);
  const { leastBytes, many } = scalarOf(cursor, key, inner);
  const count = cursor.count(most, `the number of elements of ${key}`);
  cursor.require(count * leastBytes, key);
  return many(cursor, count, key);
}

function scalarOf(cursor: Cursor, key: string, type: number): ScalarType {
  const scalar = SCALARS.get(type);
  if (scalar !== undefined) return scalar;
  throw damaged(
    cursor,
    `the type of ${key} must be a number from 0 to 12, and no array in an array, not ${type}`,
  );
}

function readFlag(cursor: Cursor, what: string): boolean {
  const value = cursor.take(1, what, (view, at) => view.getUint8(at));
  if (value <= 1) return value === 1;
  throw damaged(cursor, `${what} must be 0 or 1, not ${value}`);
}

interface TensorInfo {
  readonly name: string;
  readonly type: GgmlType;
  /** Row-major, the outermost extent first. */
  readonly shape: readonly number[];
  readonly sizeBytes: number;
  /** From the start of the data. */
  readonly offset: number;
}

function readTensorInfo(cursor: Cursor): TensorInfo {
  const name = cursor.text(MAX_KEY_BYTES, 'the name of a tensor');
  const rank = cursor.u32(`the rank of ${name}`);
  if (rank > MAX_RANK)
    throw damaged(cursor, `tensor ${name} must have at most 4 extents, not ${rank}`);
  const extents = Array.from({ length: rank }, () =>
    cursor.count(Number.MAX_SAFE_INTEGER, `an extent of ${name}`),
  );
  const type = typeOf(cursor, name, cursor.u32(`the type of ${name}`));
  const offset = cursor.count(cursor.source.sizeBytes, `the offset of ${name}`);
  const shape = extents.toReversed();
  const blocks = elementCount(shape) / type.elements;
  if ((extents[0] ?? 1) % type.elements !== 0) {
    throw damaged(
      cursor,
      `rows of ${name} must be whole blocks of ${type.elements} elements (${type.name}), not ${extents[0] ?? 1}`,
    );
  }
  return { name, type, shape, sizeBytes: blocks * type.bytes, offset };
}

function typeOf(cursor: Cursor, name: string, number: number): GgmlType {
  const type = GGML_TYPES.get(number);
  if (type !== undefined) return type;
  throw new UnsupportedError(`tensors must have a known type, not type ${number}`, {
    where: `tensor ${name} in ${cursor.source.name}`,
    hint: 'use a file with another quantisation, such as Q8_0 or Q4_K_M',
  });
}

function alignmentOf(metadata: ReadonlyMap<string, GgufValue>, { name }: ByteSource): number {
  const value = metadata.get('general.alignment') ?? DEFAULT_ALIGNMENT;
  const fits = typeof value === 'number' && Number.isInteger(value) && value % 8 === 0;
  if (fits && value > 0 && value <= MAX_ALIGNMENT) return value;
  throw new FormatError(
    `general.alignment must be a multiple of 8 from 8 to ${MAX_ALIGNMENT}, not ${String(value)}`,
    { where: name, hint: GET_AGAIN },
  );
}

/** Each tensor starts where the one before it ends, after padding; the last ends inside the file. */
function placeTensors(
  infos: readonly TensorInfo[],
  cursor: Cursor,
  alignment: number,
): Map<string, StoredTensor<string>> {
  const { source, position } = cursor;
  const align = (offset: number): number => Math.ceil(offset / alignment) * alignment;
  const dataStart = align(position);
  const tensors = new Map<string, StoredTensor<string>>();
  let end = 0;
  for (const { name, type, shape, sizeBytes, offset } of infos.toSorted(byPosition)) {
    if (tensors.has(name)) throw damaged(cursor, `there must be one tensor ${name}, not two`);
    if (offset !== align(end)) {
      throw damaged(
        cursor,
        `tensor ${name} must start at byte ${align(end)} of the data, after the one before it, not at ${offset}`,
      );
    }
    end = offset + sizeBytes;
    tensors.set(name, {
      name,
      source,
      dtype: type.name,
      shape,
      offset: dataStart + offset,
      sizeBytes,
    });
  }
  if (infos.length === 0 || dataStart + end <= source.sizeBytes) return tensors;
  throw damaged(
    cursor,
    `the file must have ${dataStart + end} bytes or more, not ${source.sizeBytes}`,
  );
}

function byPosition(a: TensorInfo, b: TensorInfo): number {
  return a.offset - b.offset || a.sizeBytes - b.sizeBytes;
}

function damaged({ source }: Cursor, message: string): FormatError {
  return new FormatError(message, { where: source.name, hint: GET_AGAIN });
}

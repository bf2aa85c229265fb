/** Writes GGUF files; the layout is described beside the reader, in src/model/checkpoint/gguf/header.ts. */

/** A single value: integers as u32 (i32 if negative), other numbers and those marked so as f32, and texts. */
type Scalar = number | boolean | string | { readonly f32: number };

/** A value of metadata, or a list of one kind; integers of a list are i32. */
export type Entry = Scalar | readonly (number | string)[];

export interface GgufTensor {
  readonly name: string;
  /** The number of its type. */
  readonly type: number;
  /** Row-major, the outermost extent first. */
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

/** Tensors start at multiples of this many bytes. */
export const ALIGNMENT = 32;

/** A tensor whose bytes are written elsewhere. */
export interface GgufTensorInfo extends Omit<GgufTensor, 'bytes'> {
  readonly sizeBytes: number;
}

/** Encode a file of version 3. */
export function encodeGguf(
  metadata: Readonly<Record<string, Entry>>,
  tensors: readonly GgufTensor[],
): Uint8Array<ArrayBuffer> {
  const infos = tensors.map((tensor) => ({ ...tensor, sizeBytes: tensor.bytes.length }));
  const parts = [encodeGgufHeader(metadata, infos), ...tensors.map(({ bytes }) => padded(bytes))];
  return join(parts);
}

/** All that stands before the tensors, which follow in order, each padded to `ALIGNMENT` bytes. */
export function encodeGgufHeader(
  metadata: Readonly<Record<string, Entry>>,
  tensors: readonly GgufTensorInfo[],
): Uint8Array<ArrayBuffer> {
  const entries = Object.entries(metadata);
  let offset = 0;
  const infos = tensors.map(({ name, type, shape, sizeBytes }) => {
    const at = offset;
    offset += align(sizeBytes);
    const extents = shape.toReversed().map(u64);
    return [...text(name), u32(shape.length), ...extents, u32(type), u64(at)];
  });
  const head = [
    new TextEncoder().encode('GGUF'),
    u32(3),
    u64(tensors.length),
    u64(entries.length),
    ...entries.flatMap(([key, value]) => [...text(key), ...typed(value)]),
    ...infos.flat(),
  ];
  return padded(join(head));
}

/** With zeros up to a multiple of `ALIGNMENT`. */
function padded(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(align(bytes.length));
  whole.set(bytes);
  return whole;
}

function join(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const file = new Uint8Array(parts.reduce((total, { length }) => total + length, 0));
  let at = 0;
  for (const part of parts) {
    file.set(part, at);
    at += part.length;
  }
  return file;
}

function typed(value: Entry): Uint8Array[] {
  if (!isList(value)) return [u32(typeOf(value)), ...scalar(value, typeOf(value))];
  const first = typeOf(value[0] ?? 0);
  const type = first === U32 ? I32 : first;
  return [u32(ARRAY), u32(type), u64(value.length), ...value.flatMap((item) => scalar(item, type))];
}

function isList(value: Entry): value is readonly (number | string)[] {
  return Array.isArray(value);
}

const [U32, I32, F32, BOOL, TEXT, ARRAY] = [4, 5, 6, 7, 8, 9] as const;

function typeOf(value: Scalar): number {
  if (typeof value === 'string') return TEXT;
  if (typeof value === 'boolean') return BOOL;
  if (typeof value === 'object' || !Number.isInteger(value)) return F32;
  return value < 0 ? I32 : U32;
}

function scalar(value: Scalar, type: number): Uint8Array[] {
  if (typeof value === 'string') return text(value);
  if (typeof value === 'boolean') return [Uint8Array.of(value ? 1 : 0)];
  const number = typeof value === 'object' ? value.f32 : value;
  return [type === F32 ? new Uint8Array(Float32Array.of(number).buffer) : u32(number)];
}

function text(value: string): Uint8Array[] {
  const bytes = new TextEncoder().encode(value);
  return [u64(bytes.length), bytes];
}

function u32(value: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(value).buffer);
}

function u64(value: number): Uint8Array {
  return new Uint8Array(BigUint64Array.of(BigInt(value)).buffer);
}

function align(offset: number): number {
  return Math.ceil(offset / ALIGNMENT) * ALIGNMENT;
}

/** Writes GGUF files; the layout is described beside the reader, in src/model/checkpoint/gguf/header.ts. */

/** A value of metadata: integers as u32 (i32 if negative), other numbers as f32, texts, and lists of one kind. */
export type Entry = number | boolean | string | readonly (number | string)[];

export interface GgufTensor {
  readonly name: string;
  /** The number of its type. */
  readonly type: number;
  /** Row-major, the outermost extent first. */
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

const ALIGNMENT = 32;
const [U32, I32, F32, BOOL, TEXT, ARRAY] = [4, 5, 6, 7, 8, 9];

/** Encode a file of version 3. */
export function encodeGguf(
  metadata: Readonly<Record<string, Entry>>,
  tensors: readonly GgufTensor[],
): Uint8Array<ArrayBuffer> {
  const entries = Object.entries(metadata);
  let offset = 0;
  const infos = tensors.map(({ name, type, shape, bytes }) => {
    const at = offset;
    offset = align(offset + bytes.length);
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
  return join(head, tensors);
}

function join(
  head: readonly Uint8Array[],
  tensors: readonly GgufTensor[],
): Uint8Array<ArrayBuffer> {
  const headBytes = align(sum(head.map(({ length }) => length)));
  const file = new Uint8Array(headBytes + sum(tensors.map(({ bytes }) => align(bytes.length))));
  let at = 0;
  for (const part of head) {
    file.set(part, at);
    at += part.length;
  }
  at = headBytes;
  for (const { bytes } of tensors) {
    file.set(bytes, at);
    at += align(bytes.length);
  }
  return file;
}

function typed(value: Entry): Uint8Array[] {
  if (Array.isArray(value)) {
    const type = typeOf(value[0] ?? 0);
    return [
      u32(ARRAY),
      u32(type),
      u64(value.length),
      ...value.flatMap((item) => scalar(item, type)),
    ];
  }
  const type = typeOf(value as number | boolean | string);
  return [u32(type), ...scalar(value as number | boolean | string, type)];
}

function typeOf(value: number | boolean | string): number {
  if (typeof value === 'string') return TEXT!;
  if (typeof value === 'boolean') return BOOL!;
  if (!Number.isInteger(value)) return F32!;
  return value < 0 ? I32! : U32!;
}

function scalar(value: number | boolean | string, type: number): Uint8Array[] {
  if (typeof value === 'string') return text(value);
  if (type === BOOL) return [Uint8Array.of(value ? 1 : 0)];
  if (type === F32) return [new Uint8Array(Float32Array.of(value as number).buffer)];
  return [u32(value as number)];
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

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, n) => total + n, 0);
}

/** Writes .safetensors files; the layout is described beside the reader, in safetensors.ts. */
import type { TensorDType } from './safetensors.ts';

/** A tensor to be written; `bytes` are its elements, row-major and little-endian. */
export interface TensorBytes {
  readonly name: string;
  readonly dtype: TensorDType;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

/** A tensor to be written whose bytes come later. */
export interface TensorSize extends Omit<TensorBytes, 'bytes'> {
  readonly sizeBytes: number;
}

/** Alignment of the data, so that readers can lay typed arrays over a mapped file. */
const ALIGNMENT = 8;

/** Encode tensors, in this order, as the bytes of a file. */
export function encodeSafetensors(tensors: readonly TensorBytes[]): Uint8Array<ArrayBuffer> {
  const header = encodeHeader(
    tensors.map(({ bytes, ...tensor }) => ({ ...tensor, sizeBytes: bytes.length })),
  );
  const dataBytes = tensors.reduce((sum, { bytes }) => sum + bytes.length, 0);
  const file = new Uint8Array(header.length + dataBytes);
  file.set(header);
  let offset = header.length;
  for (const { bytes } of tensors) {
    file.set(bytes, offset);
    offset += bytes.length;
  }
  return file;
}

/** All that stands before the data of the tensors, which follows in this order. */
export function encodeHeader(tensors: readonly TensorSize[]): Uint8Array {
  let end = 0;
  const entries = tensors.map(({ name, dtype, shape, sizeBytes }) => {
    const begin = end;
    end += sizeBytes;
    return [name, { dtype, shape, data_offsets: [begin, end] }];
  });
  const text = JSON.stringify(Object.fromEntries(entries));
  const { length } = new TextEncoder().encode(text);
  const padding = Math.ceil(length / ALIGNMENT) * ALIGNMENT - length;
  const header = new Uint8Array(8 + length + padding);
  new DataView(header.buffer).setBigUint64(0, BigInt(length + padding), true);
  header.set(new TextEncoder().encode(text + ' '.repeat(padding)), 8);
  return header;
}

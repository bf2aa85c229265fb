/** Writes .safetensors files; the layout is described beside the reader, in safetensors.ts. */
import type { TensorDType } from './safetensors.ts';

/** A tensor to be written; `bytes` are its elements, row-major and little-endian. */
export interface TensorBytes {
  readonly name: string;
  readonly dtype: TensorDType;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

/** Alignment of the data, so that readers can lay typed arrays over a mapped file. */
const ALIGNMENT = 8;

/** Encode tensors, in this order, as the bytes of a file. */
export function encodeSafetensors(tensors: readonly TensorBytes[]): Uint8Array<ArrayBuffer> {
  const header = encodeHeader(tensors);
  const dataBytes = tensors.reduce((sum, { bytes }) => sum + bytes.length, 0);
  const file = new Uint8Array(8 + header.length + dataBytes);
  new DataView(file.buffer).setBigUint64(0, BigInt(header.length), true);
  file.set(header, 8);
  let offset = 8 + header.length;
  for (const { bytes } of tensors) {
    file.set(bytes, offset);
    offset += bytes.length;
  }
  return file;
}

function encodeHeader(tensors: readonly TensorBytes[]): Uint8Array {
  let end = 0;
  const entries = tensors.map(({ name, dtype, shape, bytes }) => {
    const begin = end;
    end += bytes.length;
    return [name, { dtype, shape, data_offsets: [begin, end] }];
  });
  const text = JSON.stringify(Object.fromEntries(entries));
  const { length } = new TextEncoder().encode(text);
  const padding = Math.ceil(length / ALIGNMENT) * ALIGNMENT - length;
  return new TextEncoder().encode(text + ' '.repeat(padding));
}

/**
 * NumPy's .npy container for f32 arrays, version 1.0 [1].
 *
 *   offset  bytes  content
 *   0       6      0x93 'NUMPY'
 *   6       2      version 1, 0
 *   8       2      header length n, little-endian; 10 + n is a multiple of 64
 *   10      n      Python dict literal, padded with spaces, ended by a newline
 *   10 + n         values, row-major
 *
 * [1] https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
 */
import { FormatError, ShapeError } from './errors.ts';

/** An f32 array and its shape, row-major. */
export interface NpyArray {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

const MAGIC = '\x93NUMPY\x01\x00';
const PREFIX_BYTES = 10;
const HEADER =
  /^\{'descr': '([^']*)', 'fortran_order': (True|False), 'shape': \(([0-9, ]*)\),? *\}\s*$/;

/** Encode an f32 array as the bytes of an .npy file. Throws ShapeError when shape and data disagree. */
export function encodeNpy({ shape, data }: NpyArray): Uint8Array<ArrayBuffer> {
  if (elementCount(shape) !== data.length) {
    throw new ShapeError(
      `shape [${shape}] requires ${elementCount(shape)} values, not ${data.length}`,
    );
  }
  const head = encodeNpyHeader(shape);
  const bytes = new Uint8Array(head.length + data.byteLength);
  bytes.set(head);
  bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), head.length);
  return bytes;
}

/** Encode all that comes before the values of an f32 array: for files that are written piece by piece. */
export function encodeNpyHeader(shape: readonly number[]): Uint8Array<ArrayBuffer> {
  const tuple = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const dict = `{'descr': '<f4', 'fortran_order': False, 'shape': (${tuple}), }`;
  const headerBytes = Math.ceil((PREFIX_BYTES + dict.length + 1) / 64) * 64 - PREFIX_BYTES;
  const length = String.fromCharCode(headerBytes & 0xff, headerBytes >> 8);
  return Uint8Array.from(`${MAGIC}${length}${dict.padEnd(headerBytes - 1)}\n`, (character) =>
    character.charCodeAt(0),
  );
}

/** Decode the bytes of an .npy file. Throws FormatError, naming `name`, unless it is version 1.0, '<f4', C order and complete. */
export function decodeNpy(bytes: Uint8Array, name: string): NpyArray {
  const start = dataOffset(bytes, name);
  const shape = parseHeader(latin1(bytes.subarray(PREFIX_BYTES, start)), name);
  const dataBytes = 4 * elementCount(shape);
  if (dataBytes !== bytes.length - start) {
    throw new FormatError(
      `values of shape [${shape}] must take ${dataBytes} bytes, not ${bytes.length - start}`,
      { where: name },
    );
  }
  // NOTE: slice() of a Buffer would not copy.
  return { shape, data: new Float32Array(Uint8Array.from(bytes.subarray(start)).buffer) };
}

function dataOffset(bytes: Uint8Array, name: string): number {
  if (latin1(bytes.subarray(0, MAGIC.length)) !== MAGIC) {
    throw new FormatError('an .npy file must start with its mark and version 1.0', { where: name });
  }
  const end = PREFIX_BYTES + (bytes[8] ?? 0) + 256 * (bytes[9] ?? 0);
  if (bytes.length >= end) return end;
  throw new FormatError(`the header must end within the ${bytes.length} bytes, not at ${end}`, {
    where: name,
  });
}

function parseHeader(text: string, name: string): number[] {
  const match = HEADER.exec(text);
  if (match === null) throw new FormatError('the header must be a NumPy dict', { where: name });
  const [, descr, fortran, tuple] = match;
  if (descr !== '<f4' || fortran !== 'False') {
    throw new FormatError(
      `values must be little-endian f32 in C order, not '${descr}' with fortran_order ${fortran}`,
      { where: name, hint: "convert with numpy.ascontiguousarray(a, dtype='<f4')" },
    );
  }
  const shape = tuple!
    .split(',')
    .filter((part) => part.trim() !== '')
    .map(Number);
  if (shape.every(Number.isSafeInteger)) return shape;
  throw new FormatError(`the shape must be a tuple of integers, not (${tuple})`, { where: name });
}

function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, extent) => product * extent, 1);
}

function latin1(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => String.fromCharCode(byte)).join('');
}

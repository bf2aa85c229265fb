/**
 * The head of a file that holds an image of weights:
 *
 *   0    "CELADONW", u32 version, u32 bytes of a slice, u64 bytes of the image
 *   24   SHA-256 of the image's name
 *   56   a checksum for each slice of the image, 8 bytes each, then the SHA-256 of all before it
 *   …    zeros up to a multiple of 4096, where the image starts
 *
 * All little-endian. A file that was cut short has another size, one of another version, name or layout another head, and
 * a damaged one another checksum.
 */
import { createHash } from 'node:crypto';

/** Of the format of the file and of how weights lie in memory; a change of either needs another. */
const VERSION = 1;
export const SLICE_BYTES = 2 ** 22;

const MAGIC = 'CELADONW';
const TABLE_AT = 56;
const HASH_BYTES = 32;
const START_ALIGNMENT = 4096;

/** Slices of an image of so many bytes; the last may be shorter. */
export function sliceCount(imageBytes: number): number {
  return Math.ceil(imageBytes / SLICE_BYTES);
}

/** Where the image starts in its file. */
export function imageStart(imageBytes: number): number {
  const headBytes = TABLE_AT + 8 * sliceCount(imageBytes) + HASH_BYTES;
  return Math.ceil(headBytes / START_ALIGNMENT) * START_ALIGNMENT;
}

/** The head of the file, with what fills it up to the image. */
export function encodeHead(
  name: string,
  imageBytes: number,
  checksums: readonly bigint[],
): Uint8Array<ArrayBuffer> {
  const head = Buffer.alloc(imageStart(imageBytes));
  head.write(MAGIC, 0, 'latin1');
  head.writeUInt32LE(VERSION, 8);
  head.writeUInt32LE(SLICE_BYTES, 12);
  head.writeBigUInt64LE(BigInt(imageBytes), 16);
  head.set(sha256(Buffer.from(name)), 24);
  for (const [i, checksum] of checksums.entries())
    head.writeBigUInt64LE(checksum, TABLE_AT + 8 * i);
  const end = TABLE_AT + 8 * checksums.length;
  head.set(sha256(head.subarray(0, end)), end);
  return head;
}

/** The checksums in a head, or undefined if it is not that of this image. */
export function decodeHead(
  head: Buffer<ArrayBuffer>,
  name: string,
  imageBytes: number,
): readonly bigint[] | undefined {
  const checksums = Array.from({ length: sliceCount(imageBytes) }, (_, i) =>
    head.readBigUInt64LE(TABLE_AT + 8 * i),
  );
  const same = encodeHead(name, imageBytes, checksums);
  return head.equals(same) ? checksums : undefined;
}

function sha256(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest();
}

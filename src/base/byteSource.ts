/**
 * Random access to bytes that may be larger than memory.
 *
 * Readers of file formats take a ByteSource, so that they run on files, on memory and, later, on
 * HTTP ranges without knowing which.
 */
import { FormatError } from './errors.ts';

/** Bytes that can be read by range. */
export interface ByteSource {
  /** What the bytes are, for messages: a file path or a label. */
  readonly name: string;
  readonly sizeBytes: number;
  /** When the bytes were last written, as their file system tells; absent where nothing does. */
  readonly changed?: string;
  /** Of the open file, which other threads of this process can read too; absent where the bytes are in none. */
  readonly descriptor?: number;
  /**
   * Read exactly `length` bytes from `offset` into a new buffer of that size, which the caller owns;
   * it starts at byte 0 of its ArrayBuffer, so that typed arrays can be laid over it. With `room`, of that size and at
   * byte 0 too, a source may fill and return that instead. Throws FormatError when the range is not inside the source.
   */
  read(offset: number, length: number, room?: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer>;
  /** Release what the source holds; no read may follow. */
  close(): void;
}

/** Present bytes in memory as a source. */
export function memorySource(name: string, bytes: Uint8Array): ByteSource {
  const source: ByteSource = {
    name,
    sizeBytes: bytes.length,
    read(offset, length) {
      requireRange(source, offset, length);
      return new Uint8Array(bytes.subarray(offset, offset + length));
    },
    close() {},
  };
  return source;
}

/** Throw FormatError unless `length` bytes from `offset` lie inside the source. */
export function requireRange(
  source: Pick<ByteSource, 'name' | 'sizeBytes'>,
  offset: number,
  length: number,
): void {
  const { name, sizeBytes } = source;
  if (Number.isSafeInteger(offset) && Number.isSafeInteger(length)) {
    if (offset >= 0 && length >= 0 && offset + length <= sizeBytes) return;
  }
  throw new FormatError(
    `a read must stay within the ${sizeBytes} bytes, not take ${length} bytes from ${offset}`,
    { where: name, hint: 'compare its size with the original: it may be cut short' },
  );
}

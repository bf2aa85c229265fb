/** What is stored of a weight, for targets that compute in the width of the file. */

/**
 * Formats by the names and with the bytes of GGUF; plain numbers are little-endian. E4M3, which GGUF lacks: for each 32
 * columns an f32 scale and 32 numbers of 8 bits; 32 rows from a multiple of 32 on have the same scales.
 */
export type StoredFormat =
  | 'F32'
  | 'F16'
  | 'BF16'
  | 'Q8_0'
  | 'Q4_0'
  | 'Q4_1'
  | 'Q5_0'
  | 'Q5_1'
  | 'Q2_K'
  | 'Q3_K'
  | 'Q4_K'
  | 'Q5_K'
  | 'Q6_K'
  | 'IQ4_NL'
  | 'MXFP4'
  | 'E4M3';

/** What is stored of a weight that is one of several in a tensor of a checkpoint: its rows, or those of its transpose. */
export interface StoredPart {
  readonly stored?: StoredRows | undefined;
  readonly storedTransposed?: StoredRows | undefined;
}

/** Bytes of an open file, from an offset on. */
export interface FilePlace {
  readonly descriptor: number;
  readonly offset: number;
}

/** The rows of a weight as they are stored; a row is what lies along the last axis. */
export interface StoredRows {
  readonly format: StoredFormat;
  readonly rowBytes: number;
  /** Where all rows lie one after another, if they do in a file. */
  readonly file?: FilePlace | undefined;
  /**
   * The bytes of `count` rows from row `start` on, from byte 0 of their buffer: a new one, or that of `room`, which has
   * their size.
   */
  readBytes(start: number, count: number, room?: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer>;
}

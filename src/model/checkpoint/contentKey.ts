/** What identifies the content of a checkpoint, without reading all of it. */
import { sha256Hex, type ByteSource, type JsonRecord } from '../../base/index.ts';

/** Pieces of each file that are read, and their bytes. */
const PIECES = 64;
const PIECE_BYTES = 4096;

/**
 * A key that changes with the configuration and with the files: with their sizes, the times of their last change, and
 * pieces of their bytes. Undefined where a source cannot tell when it changed.
 */
export function contentKeyOf(
  sources: readonly ByteSource[],
  config: JsonRecord,
): string | undefined {
  if (sources.some(({ changed }) => changed === undefined)) return undefined;
  const parts = sources.map((source) => [
    source.sizeBytes,
    source.changed,
    ...piecesOf(source).map(sha256Hex),
  ]);
  return sha256Hex(new TextEncoder().encode(JSON.stringify([config, parts])));
}

/** Evenly spaced, with the first and the last bytes. */
function piecesOf(source: ByteSource): Uint8Array[] {
  const length = Math.min(PIECE_BYTES, source.sizeBytes);
  const last = source.sizeBytes - length;
  return Array.from({ length: PIECES }, (_, i) =>
    source.read(Math.floor((last * i) / (PIECES - 1)), length),
  );
}

/** Rows as they are stored, of weights made of whole rows of others. */
import type { StoredRows } from '../../ir/index.ts';

/** Rows of E4M3 that share their scales. */
const SCALED_ROWS = 32;

/** The rows of `parts`, each of `rowsEach`, one after another; undefined unless all are stored alike. */
export function concatenateRows(
  parts: readonly (StoredRows | undefined)[],
  rowsEach: number,
): StoredRows | undefined {
  const [first] = parts;
  if (first === undefined) return undefined;
  const alike = parts.every(
    (part) => part?.format === first.format && part.rowBytes === first.rowBytes,
  );
  if (!alike || (first.format === 'E4M3' && rowsEach % SCALED_ROWS !== 0)) return undefined;
  return gatherRows(first, (row) => [parts[Math.floor(row / rowsEach)]!, row % rowsEach]);
}

/** Row i is row storedRow(i) of `stored`; undefined for a format whose rows share scales. */
export function permuteStoredRows(
  stored: StoredRows | undefined,
  storedRow: (row: number) => number,
): StoredRows | undefined {
  if (stored === undefined || stored.format === 'E4M3') return undefined;
  return gatherRows(stored, (row) => [stored, storedRow(row)]);
}

/**
 * Blocks of a row in another order: block i of `bytes` bytes is block storedBlock(i) of `stored`.
 */
export function permuteStoredBlocks(
  stored: StoredRows | undefined,
  bytes: number,
  storedBlock: (block: number) => number,
): StoredRows | undefined {
  if (stored === undefined) return undefined;
  const { format, rowBytes } = stored;
  const from = Int32Array.from({ length: rowBytes / bytes }, (_, block) => storedBlock(block));
  const readBytes = (start: number, count: number): Uint8Array<ArrayBuffer> => {
    const all = stored.readBytes(start, count);
    const moved = new Uint8Array(all.length);
    for (let row = 0; row < all.length; row += rowBytes) {
      for (const [block, at] of from.entries()) {
        const first = row + at * bytes;
        moved.set(all.subarray(first, first + bytes), row + block * bytes);
      }
    }
    return moved;
  };
  return { format, rowBytes, readBytes };
}

/** Rows that follow each other where they are stored are read together. */
function gatherRows(
  { format, rowBytes }: StoredRows,
  placeOf: (row: number) => readonly [StoredRows, number],
): StoredRows {
  const readBytes = (start: number, count: number): Uint8Array<ArrayBuffer> => {
    const all = new Uint8Array(count * rowBytes);
    for (let row = 0; row < count;) {
      const [part, first] = placeOf(start + row);
      let run = 1;
      const follows = (): boolean => {
        const [next, at] = placeOf(start + row + run);
        return next === part && at === first + run;
      };
      while (row + run < count && follows()) run++;
      all.set(part.readBytes(first, run), row * rowBytes);
      row += run;
    }
    return all;
  };
  return { format, rowBytes, readBytes };
}

/** A digest of bytes that TypeScript and the C++ of the test bench compute alike: FNV-1a, 32 bits [1]. [1] http://www.isthe.com/chongo/tech/comp/fnv/ */

const OFFSET_BASIS = 0x811c9dc5;
const PRIME = 0x01000193;

/** The digest of nothing. */
export const EMPTY_DIGEST = OFFSET_BASIS;

/** `digest` continued by the bytes from `start` up to but not including `end`. */
export function digestBytes(bytes: Uint8Array, start: number, end: number, digest: number): number {
  let hash = digest;
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ bytes[i]!, PRIME);
  return hash >>> 0;
}

/**
 * What makes a kernel one text for both widths of vectors: 32 registers of 512 bits with AVX-512, 16 of 256 bits without. A
 * panel has 32 rows; two vectors at a time are a strip of them.
 */
import {
  at,
  resized,
  type FunctionBuilder,
  type Label,
  type Memory,
  type Vector,
} from '../../../x86/index.ts';

/** Two vectors, one behind the other. */
export type Pair = readonly [Vector, Vector];

/** The first rows of the two vectors of a strip. */
export type Strip = readonly [number, number];

const WIDE: readonly Strip[] = [[0, 16]];
const NARROW: readonly Strip[] = [
  [0, 8],
  [16, 24],
];
export const BOTH = [0, 1] as const;

export function isWide(f: FunctionBuilder): boolean {
  return f.level === 'avx512';
}

/** Bits of the function's vectors. */
export function vectorBits(f: FunctionBuilder): 512 | 256 {
  return isWide(f) ? 512 : 256;
}

/** The strips of a panel of 32 rows. */
export function stripsOf(f: FunctionBuilder): readonly Strip[] {
  return isWide(f) ? WIDE : NARROW;
}

/** A vector register of the function's width. */
export function fullVector(f: FunctionBuilder): Vector {
  return f.vector(vectorBits(f));
}

export function pair(f: FunctionBuilder): Pair {
  return [fullVector(f), fullVector(f)];
}

export function emitZero(f: FunctionBuilder, x: Vector): void {
  f.emit(isWide(f) ? 'vpxord' : 'vpxor', x, x, x);
}

export function emitAnd(f: FunctionBuilder, to: Vector, a: Vector, b: Vector | Memory): void {
  f.emit(isWide(f) ? 'vpandd' : 'vpand', to, a, b);
}

/** Imm8 of a | (b & c). */
const OR_AND = 0xf8;

/** to = to | (a & b); without AVX-512 `spare` is overwritten, which may be what `b` is. */
export function emitOrAnd(
  f: FunctionBuilder,
  to: Vector,
  a: Vector,
  b: Vector | Memory,
  spare: Vector,
): void {
  if (isWide(f)) f.emit('vpternlogd', to, a, b, OR_AND);
  else f.emit('vpand', spare, a, b).emit('vpor', to, to, spare);
}

/** Lanes of 32 bits shifted; AVX2 does not shift what is in memory. */
export function emitShift(
  f: FunctionBuilder,
  op: 'vpsrld' | 'vpslld' | 'vpsrad',
  to: Vector,
  from: Vector | Memory,
  count: number,
): void {
  if (isWide(f) || from.kind === 'vector') f.emit(op, to, from, count);
  else f.emit('vmovdqu', to, from).emit(op, to, to, count);
}

/** Sixteen bytes, in each 128 bits. */
export function loadTable(f: FunctionBuilder, table: Label): Vector {
  const all = fullVector(f);
  return (f.emit(isWide(f) ? 'vbroadcasti32x4' : 'vbroadcastf128', all, at(table)), all);
}

/** An i32, in every lane. */
export function everyWord(f: FunctionBuilder, word: number): Vector {
  const [all, value] = [fullVector(f), f.general()];
  f.emit('mov', value, word);
  f.emit('vmovd', resized(all, 128), { ...value, bits: 32 });
  f.emit('vpbroadcastd', all, resized(all, 128)).free(value);
  return all;
}

/** Fields of vector instructions on f32 rows. */
import { FORMAT_CODES, NONE } from '../isa.table.ts';
import type { Operand, Ref } from './tiles.ts';

export type Fields = Record<string, Operand>;

/** Rows (t, j): from token to token, from row to row of one. */
export type Strides = readonly [stride: number, inner: number];

export const PLAIN = { dFormat: FORMAT_CODES.f32, group: 0, rowCount: NONE } as const;

export function source(a: Ref, [aStride, aInner]: Strides): Fields {
  return { a, aStride, aInner };
}

export function factor(b: Ref, [bStride, bInner]: Strides): Fields {
  return { b, bStride, bInner };
}

export function into(d: Ref, [dStride, dInner]: Strides): Fields {
  return { d, dStride, dInner };
}

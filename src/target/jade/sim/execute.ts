/** The meaning of every instruction: one entry an opcode, so forgetting one is a compile error. */
import type { Fields, FieldsOf, Instruction, Opcode } from '../isa.table.ts';
import { matmul } from './matrix.ts';
import type { ChipState } from './state.ts';
import { gather, load, store } from './transfers.ts';
import * as vector from './vector.ts';

type Execute<O extends Opcode> = (fields: FieldsOf<O>, state: ChipState, rows: number) => void;

const EXECUTE: { readonly [O in Opcode]: Execute<O> } = {
  load,
  gather,
  store,
  matmul,
  copy: vector.copy,
  add: vector.add,
  mul: vector.mul,
  swiglu: vector.swiglu,
  silu: vector.silu,
  rms: vector.rms,
  rope: vector.rope,
  softmax: vector.softmax,
  argmax: vector.argmax,
  route: vector.route,
  dispatch: vector.dispatch,
  combine: vector.combine,
  zero: vector.zero,
  sigmoid: vector.sigmoid,
  exp: vector.exp,
  softplus: vector.softplus,
  max: vector.max,
  min: vector.min,
  div: vector.div,
  sum: vector.sum,
  signedRoot: vector.signedRoot,
  scale: vector.scale,
  scaleAdd: vector.scaleAdd,
  topk: vector.topk,
  mix: vector.mix,
};

/** Changes the state as `instruction` says; `rows` is its real number of rows. */
export function execute({ op, fields }: Instruction, state: ChipState, rows: number): void {
  (EXECUTE[op] as (fields: Fields, state: ChipState, rows: number) => void)(fields, state, rows);
}

/**
 * Which bytes an instruction wrote, exactly: row by row, with the row count and the lists it found on the
 * chip. (`sim/access.ts` gives bounds that hold before a program runs.)
 */
import { MX_BLOCK } from '../../../ir/index.ts';
import {
  blockBytes,
  FORMAT_CODES,
  MX_FORMATS,
  type FieldsOf,
  type Instruction,
  type Opcode,
} from '../isa.table.ts';
import { shiftedPosition } from '../sim/positions.ts';
import { indexAt, type ChipState } from '../sim/state.ts';

/** `bytes` from an address on the chip, or in its memory. */
export interface Written {
  readonly space: 'chip' | 'memory';
  readonly address: number;
  readonly bytes: number;
}

type Writes<O extends Opcode> = (f: FieldsOf<O>, state: ChipState, rows: number) => Written[];

/** What `instruction` wrote, in the order of its rows. `state` is that after it; `rows` its real number of rows. */
export function writesOf({ op, fields }: Instruction, state: ChipState, rows: number): Written[] {
  const find = WRITES[op] as (f: unknown, state: ChipState, rows: number) => Written[];
  return find(fields, state, rows);
}

function onChip(address: number, bytes: number): Written {
  return { space: 'chip', address, bytes };
}

type Destination = Readonly<
  Record<'d' | 'dStride' | 'dInner' | 'dFormat' | 'inner' | 'columns', number>
>;

/** Rows (t, j) of f32, or of MX blocks. */
function destination(f: Destination, _state: ChipState, rows: number): Written[] {
  const bytes =
    f.dFormat === FORMAT_CODES.f32
      ? 4 * f.columns
      : (f.columns / MX_BLOCK) * blockBytes(MX_FORMATS.get(f.dFormat)!);
  return Array.from({ length: rows }, (_, r) =>
    onChip(f.d + Math.floor(r / f.inner) * f.dStride + (r % f.inner) * f.dInner, bytes),
  );
}

function strided(address: number, stride: number, bytes: number, rows: number): Written[] {
  return Array.from({ length: rows }, (_, r) => onChip(address + r * stride, bytes));
}

function load(f: FieldsOf<'load'>, _state: ChipState, rows: number): Written[] {
  if (rows === 0) return [];
  return Array.from({ length: f.planes * f.rows }, (_, i) => {
    const [plane, row] = [Math.floor(i / f.rows), i % f.rows];
    return onChip(f.local + plane * f.localPlaneStride + row * f.localStride, f.rowBytes);
  });
}

function store(f: FieldsOf<'store'>, { positions }: ChipState): Written[] {
  const start = f.memory + f.positionStride * shiftedPosition(f, positions[f.sequence]!);
  return Array.from({ length: f.planes * f.rows }, (_, i) => {
    const [plane, row] = [Math.floor(i / f.rows), i % f.rows];
    const address = start + plane * f.memoryPlaneStride + row * f.memoryStride;
    return { space: 'memory', address, bytes: f.rowBytes };
  });
}

/** Some bytes a row. */
function results(
  f: Pick<FieldsOf<'sum'>, 'd' | 'dStride' | 'dInner' | 'inner'>,
  bytes: number,
  rows: number,
): Written[] {
  return Array.from({ length: rows }, (_, r) =>
    onChip(f.d + Math.floor(r / f.inner) * f.dStride + (r % f.inner) * f.dInner, bytes),
  );
}

function sum(f: FieldsOf<'sum'>, _state: ChipState, rows: number): Written[] {
  return results(f, 4, rows);
}

function argmax(f: FieldsOf<'argmax'>, _state: ChipState, rows: number): Written[] {
  return results({ ...f, dInner: 8 }, 8, rows);
}

function dispatch(f: FieldsOf<'dispatch'>, { localI32 }: ChipState): Written[] {
  const lists = Array.from({ length: f.columns }, (_, expert) =>
    onChip(f.list + expert * f.listStride, 4 * localI32[f.d / 4 + expert]!),
  );
  return [onChip(f.d, 4 * f.columns), ...lists];
}

function combine(f: FieldsOf<'combine'>, state: ChipState, rows: number): Written[] {
  return Array.from({ length: rows }, (_, r) =>
    onChip(f.d + indexAt(state, f.list + 4 * r, f.rows) * f.dStride, 4 * f.columns),
  );
}

const WRITES: { readonly [O in Opcode]: Writes<O> } = {
  load,
  gather: (f) => strided(f.local, f.localStride, f.rowBytes, f.rows),
  store,
  matmul: (f, _state, rows) => strided(f.c, f.cStride, 4 * f.columns, rows),
  copy: destination,
  add: destination,
  mul: destination,
  swiglu: destination,
  silu: destination,
  sigmoid: destination,
  exp: destination,
  softplus: destination,
  max: destination,
  min: destination,
  div: destination,
  sum,
  signedRoot: destination,
  rms: destination,
  rope: destination,
  softmax: destination,
  argmax,
  route: (f) => strided(f.d, f.dStride, 4 * f.columns, f.rows),
  dispatch,
  combine,
  zero: (f) => strided(f.d, f.dStride, 4 * f.columns, f.rows),
  scale: destination,
  scaleAdd: (f, state, rows) => destination({ ...f, dFormat: FORMAT_CODES.f32 }, state, rows),
  topk: (f, state, rows) => destination({ ...f, dFormat: FORMAT_CODES.f32 }, state, rows),
  mix: (f) => strided(f.d, f.dStride, 4 * f.columns, f.rows),
};

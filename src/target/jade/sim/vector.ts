/**
 * Values of the vector unit. A row-wise instruction is a function of one row; `eachRow` finds the rows,
 * and `finishRow` writes them as f32 with canonical NaNs or quantises them.
 */
import { bf16ToF32 } from '../../../base/index.ts';
import { MX_BLOCK } from '../../../ir/index.ts';
import { quantizeGroup } from '../arith/mx.ts';
import { isLarger, laneLargest, larger, smaller } from '../arith/reduce.ts';
import {
  divide,
  exp as expOf,
  sigmoid as sigmoidOf,
  signedRoot as signedRootOf,
  silu as siluOf,
  softplus as softplusOf,
} from '../arith/functions.ts';
import { routeRow } from '../arith/route.ts';
import {
  argmaxRow,
  canonicalize,
  mapRow,
  mapRows,
  rmsRow,
  ropeRow,
  scaleAddRow,
  scaleByBytes,
  scaleRow,
  softmaxRow,
  sumRow,
  swigluRow,
  topRow,
  type Row,
} from '../arith/rows.ts';
import {
  blockBytes,
  FORMAT_CODES,
  MX_FORMATS,
  NONE,
  SCORINGS,
  type FieldsOf,
} from '../isa.table.ts';
import { visibleColumns } from './positions.ts';
import { floatsAt, indexAt, wordAt, type ChipState } from './state.ts';

interface RowFields {
  readonly inner: number;
  readonly columns: number;
  readonly d: number;
  readonly dStride: number;
  readonly dInner: number;
  readonly dFormat: number;
  readonly group: number;
}

/** Computes row (t, j) into `out`, which holds `columns` numbers from offset 0. */
type RowFunction = (t: number, j: number, out: Row) => void;

let scratch = new Float32Array(1024);
let codes = new Uint8Array(1024);

function eachRow(f: RowFields, state: ChipState, rows: number, compute: RowFunction): void {
  if (scratch.length < f.columns) scratch = new Float32Array(f.columns);
  const out: Row = { values: scratch, offset: 0 };
  for (let r = 0; r < rows; r++) {
    const t = Math.floor(r / f.inner);
    const j = r % f.inner;
    compute(t, j, out);
    finishRow(f, state, t * f.dStride + j * f.dInner);
  }
}

/** Writes the scratch row `at` bytes into the destination. */
function finishRow(f: RowFields, state: ChipState, at: number): void {
  if (f.dFormat === FORMAT_CODES.f32) {
    const word = wordAt(f.d + at);
    state.localF32.set(scratch.subarray(0, f.columns), word);
    canonicalize(state.localU32, word, f.columns);
    return;
  }
  for (let i = 0; i < f.columns; i += f.group) quantizeAt(f, state.local, f.d + at, i);
}

/** Quantises the group from column `first` on into the blocks of the row at `row`. */
function quantizeAt(f: RowFields, local: Uint8Array, row: number, first: number): void {
  const format = MX_FORMATS.get(f.dFormat)!;
  if (codes.length < f.group) codes = new Uint8Array(f.group);
  const scale = quantizeGroup(scratch, first, f.group, format, codes, 0);
  let at = row + (first / MX_BLOCK) * blockBytes(format);
  for (let i = 0; i < f.group; i += MX_BLOCK, at += blockBytes(format)) {
    local[at] = scale;
    local.set(codes.subarray(i, i + MX_BLOCK), at + 1);
  }
}

/** The f32 row of an operand at (t, j). */
function rowAt({ localF32 }: ChipState, address: number): Row {
  return { values: localF32, offset: wordAt(address) };
}

interface A {
  readonly a: number;
  readonly aStride: number;
  readonly aInner: number;
}
interface B {
  readonly b: number;
  readonly bStride: number;
  readonly bInner: number;
}

function aAt(f: A, state: ChipState, t: number, j: number): Row {
  return rowAt(state, f.a + t * f.aStride + j * f.aInner);
}

function bAt(f: B, state: ChipState, t: number, j: number): Row {
  return rowAt(state, f.b + t * f.bStride + j * f.bInner);
}

export function copy(f: FieldsOf<'copy'>, state: ChipState, rows: number): void {
  eachRow(f, state, rows, (t, j, out) => {
    const address = f.a + t * f.aStride + j * f.aInner;
    const halves = f.aFormat === FORMAT_CODES.bf16;
    out.values.set(
      halves ? halvesAt(state, address, f.columns) : floatsAt(state, address, f.columns),
    );
  });
}

function halvesAt({ local }: ChipState, address: number, count: number): Float32Array {
  return bf16ToF32(new Uint16Array(local.slice(address, address + count * 2).buffer));
}

type Run<F> = (f: F, state: ChipState, rows: number) => void;

function unary(compute: (a: number) => number): Run<FieldsOf<'silu'>> {
  return (f, state, rows) =>
    eachRow(f, state, rows, (t, j, out) => mapRow(compute, aAt(f, state, t, j), f.columns, out));
}

function binary(compute: (a: number, b: number) => number): Run<FieldsOf<'add'>> {
  return (f, state, rows) =>
    eachRow(f, state, rows, (t, j, out) =>
      mapRows(compute, aAt(f, state, t, j), bAt(f, state, t, j), f.columns, out),
    );
}

export const add = binary((a, b) => a + b);
export const mul = binary((a, b) => a * b);
export const max = binary(larger);
export const min = binary(smaller);
export const div = binary(divide);
export const silu = unary(siluOf);
export const sigmoid = unary(sigmoidOf);
export const exp = unary(expOf);
export const softplus = unary(softplusOf);

export function signedRoot(f: FieldsOf<'signedRoot'>, state: ChipState, rows: number): void {
  unary((a) => signedRootOf(a, f.smallest))(f, state, rows);
}

export function swiglu(f: FieldsOf<'swiglu'>, state: ChipState, rows: number): void {
  eachRow(f, state, rows, (t, j, out) =>
    swigluRow(aAt(f, state, t, j), bAt(f, state, t, j), f.limit, f.columns, out),
  );
}

export function sum(f: FieldsOf<'sum'>, state: ChipState, rows: number): void {
  for (let r = 0; r < rows; r++) {
    const [t, j] = [Math.floor(r / f.inner), r % f.inner];
    const at = wordAt(f.d + t * f.dStride + j * f.dInner);
    const { lanes } = state.chip.vector;
    state.localF32[at] = sumRow(aAt(f, state, t, j), f.columns, f.scale, lanes);
    canonicalize(state.localU32, at, 1);
  }
}

export function rms(f: FieldsOf<'rms'>, state: ChipState, rows: number): void {
  const weight = rowAt(state, f.b);
  const { lanes } = state.chip.vector;
  eachRow(f, state, rows, (t, j, out) =>
    rmsRow(aAt(f, state, t, j), weight, f.columns, f.epsilon, f.inverse, lanes, out),
  );
}

export function rope(f: FieldsOf<'rope'>, state: ChipState, rows: number): void {
  eachRow(f, state, rows, (t, j, out) => {
    const table = rowAt(state, f.b + t * f.bStride);
    ropeRow(aAt(f, state, t, j), table, f.columns, f.interleaved === 1, out);
  });
}

export function softmax(f: FieldsOf<'softmax'>, state: ChipState, rows: number): void {
  const { lanes } = state.chip.vector;
  eachRow(f, state, rows, (t, j, out) => {
    const visible = Math.min(f.columns, visibleColumns(f, state, t));
    softmaxRow(aAt(f, state, t, j), visible, f.columns, f.scale, lanes, out);
    if (f.b !== NONE) scaleByBytes(out, visible, state.local, f.b, 1);
  });
}

export function scale(f: FieldsOf<'scale'>, state: ChipState, rows: number): void {
  eachRow(f, state, rows, (t, j, out) =>
    scaleRow(aAt(f, state, t, j), factorAt(f, state, t, j), f.columns, out),
  );
}

/** The number of row (t, j). */
function factorAt(f: B, { localF32 }: ChipState, t: number, j: number): number {
  return localF32[wordAt(f.b + t * f.bStride + j * f.bInner)]!;
}

export function scaleAdd(f: FieldsOf<'scaleAdd'>, state: ChipState, rows: number): void {
  for (let r = 0; r < rows; r++) {
    const t = Math.floor(r / f.inner);
    const j = r % f.inner;
    const out = rowAt(state, f.d + t * f.dStride + j * f.dInner);
    scaleAddRow(aAt(f, state, t, j), factorAt(f, state, t, j), f.columns, out);
    canonicalize(state.localU32, out.offset, f.columns);
  }
}

/** The sum may stand where a row of a does, so it is made elsewhere. */
export function mix(f: FieldsOf<'mix'>, state: ChipState): void {
  if (scratch.length < f.columns) scratch = new Float32Array(f.columns);
  const sum: Row = { values: scratch, offset: 0 };
  for (let t = 0; t < f.rows; t++) {
    const out = floatsAt(state, f.d + t * f.dStride, f.columns);
    if (f.accumulate === 1) scratch.set(out);
    else scratch.fill(0, 0, f.columns);
    for (let j = 0; j < f.terms; j++) {
      scaleAddRow(aAt(f, state, t, j), factorAt(f, state, t, j), f.columns, sum);
    }
    out.set(scratch.subarray(0, f.columns));
    canonicalize(state.localU32, wordAt(f.d + t * f.dStride), f.columns);
  }
}

export function topk(f: FieldsOf<'topk'>, state: ChipState, rows: number): void {
  for (let r = 0; r < rows; r++) {
    const t = Math.floor(r / f.inner);
    const j = r % f.inner;
    const visible = Math.min(f.columns, visibleColumns(f, state, t));
    const out = rowAt(state, f.d + t * f.dStride + j * f.dInner);
    topRow(aAt(f, state, t, j), visible, f.columns, f.topK, out);
  }
}

export function argmax(f: FieldsOf<'argmax'>, state: ChipState, rows: number): void {
  const { localF32, localI32, localU32 } = state;
  const { lanes } = state.chip.vector;
  for (let r = 0; r < rows; r++) {
    const t = Math.floor(r / f.inner);
    const j = r % f.inner;
    const row = aAt(f, state, t, j);
    const best = argmaxRow(row, f.columns);
    const value = laneLargest(row.values, row.offset, f.columns, lanes);
    const at = wordAt(f.d + t * f.dStride + j * 8);
    if (f.accumulate === 1 && !isLarger(value, localF32[at]!)) continue;
    localF32[at] = value;
    canonicalize(localU32, at, 1);
    localI32[at + 1] = f.base + best;
  }
}

export function route(f: FieldsOf<'route'>, state: ChipState): void {
  const { topK, groups, topGroups, scale } = f;
  const [normalize, groupByBest] = [f.normalize === 1, f.groupByBest === 1];
  const scoring = SCORINGS[f.scoring]!;
  const attrs = { topK, groups, topGroups, scale, normalize, groupByBest, scoring };
  for (let t = 0; t < f.rows; t++) {
    const out = rowAt(state, f.d + t * f.dStride);
    const logits = rowAt(state, f.a + t * f.aStride);
    const bias = f.b === NONE ? undefined : rowAt(state, f.b + t * f.bStride);
    routeRow(logits, bias, f.columns, attrs, state.chip.vector.lanes, out);
    canonicalize(state.localU32, out.offset, f.columns);
  }
}

export function dispatch(f: FieldsOf<'dispatch'>, { localF32, localI32 }: ChipState): void {
  for (let expert = 0; expert < f.columns; expert++) {
    const list = wordAt(f.list + expert * f.listStride);
    let count = 0;
    for (let t = 0; t < f.rows; t++) {
      if (localF32[wordAt(f.a + t * f.aStride) + expert] !== 0) localI32[list + count++] = t;
    }
    localI32[wordAt(f.d) + expert] = count;
  }
}

export function combine(f: FieldsOf<'combine'>, state: ChipState, rows: number): void {
  const { localF32, localU32 } = state;
  for (let r = 0; r < rows; r++) {
    const token = indexAt(state, f.list + r * 4, f.rows);
    const gate = localF32[wordAt(f.gate + token * f.gateStride)]!;
    const from = wordAt(f.a + r * f.aStride);
    const to = wordAt(f.d + token * f.dStride);
    for (let i = 0; i < f.columns; i++)
      localF32[to + i]! += Math.fround(gate * localF32[from + i]!);
    canonicalize(localU32, to, f.columns);
  }
}

export function zero(f: FieldsOf<'zero'>, state: ChipState): void {
  for (let r = 0; r < f.rows; r++) floatsAt(state, f.d + r * f.dStride, f.columns).fill(0);
}

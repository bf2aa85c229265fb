/**
 * Which bytes an instruction touches: bounding ranges, from its fields alone.
 *
 * Three users share this one answer: the compiler, which orders instructions whose ranges overlap;
 * the timing model, which holds the ports of the banks in the ranges; the hazard check of the
 * simulator. A bounding range covers the bytes between the rows of a strided tile too. Counts and
 * lists that are known only when the program runs stand at their maximum (`rows`); the position
 * registers range from 0 to `maxPosition`.
 */
import { MX_BLOCK } from '../../../ir/index.ts';
import {
  blockBytes,
  FORMAT_CODES,
  MX_FORMATS,
  NONE,
  type FieldsOf,
  type Instruction,
  type Opcode,
} from '../isa.table.ts';
import { shiftedPosition } from './positions.ts';

/** Bytes from `start` up to but not including `end`; never empty. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

export interface Accesses {
  readonly localReads: readonly ByteRange[];
  readonly localWrites: readonly ByteRange[];
  readonly memoryReads: readonly ByteRange[];
  readonly memoryWrites: readonly ByteRange[];
}

/**
 * As Accesses, with the local reads in two: data goes through the read ports of the banks; `control`
 * (counts and lists of i32) is in the control memory, whose reads use no port.
 */
export interface Operands {
  readonly data?: readonly ByteRange[];
  readonly control?: readonly ByteRange[];
  readonly writes?: readonly ByteRange[];
  readonly memoryReads?: readonly ByteRange[];
  readonly memoryWrites?: readonly ByteRange[];
}

/** What `instruction` may touch while the position registers are at most `maxPosition`. */
export function accesses(instruction: Instruction, maxPosition: number): Accesses {
  const found = operandsOf(instruction, maxPosition);
  return {
    localReads: [...(found.data ?? []), ...(found.control ?? [])],
    localWrites: found.writes ?? [],
    memoryReads: found.memoryReads ?? [],
    memoryWrites: found.memoryWrites ?? [],
  };
}

/** Whether some byte is in a range of both lists. */
export function overlap(a: readonly ByteRange[], b: readonly ByteRange[]): boolean {
  return a.some((x) => b.some((y) => x.start < y.end && y.start < x.end));
}

/** As `accesses`, data and control apart. */
export function operandsOf({ op, fields }: Instruction, maxPosition: number): Operands {
  const find = OPERANDS[op] as (fields: unknown, maxPosition: number) => Operands;
  return find(fields, maxPosition);
}

interface RowShape {
  readonly rows: number;
  readonly inner: number;
}

/** Rows (t, j) of `rowBytes`; nothing when there is no operand. */
function tile(
  address: number,
  { rows, inner }: RowShape,
  stride: number,
  innerStride: number,
  rowBytes: number,
): ByteRange[] {
  if (address === NONE || rows === 0 || rowBytes === 0) return [];
  const lastT = Math.floor((rows - 1) / inner);
  const lastJ = Math.min(inner, rows) - 1;
  return [{ start: address, end: address + lastT * stride + lastJ * innerStride + rowBytes }];
}

function rowsOf(address: number, rows: number, stride: number, rowBytes: number): ByteRange[] {
  return tile(address, { rows, inner: 1 }, stride, 0, rowBytes);
}

function bytes(address: number, sizeBytes: number): ByteRange[] {
  return rowsOf(address, 1, 0, sizeBytes);
}

type Source = RowShape & Readonly<Record<'a' | 'aStride' | 'aInner' | 'columns', number>>;
type SecondSource = RowShape & Readonly<Record<'b' | 'bStride' | 'bInner' | 'columns', number>>;
type Destination = RowShape &
  Readonly<Record<'d' | 'dStride' | 'dInner' | 'dFormat' | 'columns', number>>;

function sourceA(f: Source, format: number = FORMAT_CODES.f32): ByteRange[] {
  return tile(f.a, f, f.aStride, f.aInner, rowBytesOf(f.columns, format));
}

function sourceB(f: SecondSource): ByteRange[] {
  return tile(f.b, f, f.bStride, f.bInner, 4 * f.columns);
}

function destination(f: Destination): ByteRange[] {
  return tile(f.d, f, f.dStride, f.dInner, rowBytesOf(f.columns, f.dFormat));
}

/** Bytes of a row of f32, bf16 or whole MX blocks. */
export function rowBytesOf(columns: number, format: number): number {
  const mx = MX_FORMATS.get(format);
  if (mx !== undefined) return (columns / MX_BLOCK) * blockBytes(mx);
  return columns * (format === FORMAT_CODES.bf16 ? 2 : 4);
}

type UnaryFields = Source & Destination & { readonly rowCount: number };

function unary(f: UnaryFields & { readonly aFormat?: number }): Operands {
  const data = sourceA(f, f.aFormat);
  return { data, control: bytes(f.rowCount, 4), writes: destination(f) };
}

type BinaryFields = Source & SecondSource & Destination & { readonly rowCount: number };

function binary(f: BinaryFields): Operands {
  const data = [...sourceA(f), ...sourceB(f)];
  return { data, control: bytes(f.rowCount, 4), writes: destination(f) };
}

function planesOf(
  address: number,
  strideBytes: number,
  planeStrideBytes: number,
  f: Readonly<Record<'rowBytes' | 'rows' | 'planes', number>>,
): ByteRange[] {
  const shape = { rows: f.rows * f.planes, inner: f.rows };
  return tile(address, shape, planeStrideBytes, strideBytes, f.rowBytes);
}

function memoryPlanes(f: FieldsOf<'store'>, maxPosition: number): ByteRange[] {
  const [first, last] = [0, maxPosition].map((p) => f.positionStride * shiftedPosition(f, p));
  return planesOf(f.memory, f.memoryStride, f.memoryPlaneStride, f).map(({ start, end }) => ({
    start: start + first!,
    end: end + last!,
  }));
}

function localPlanes(f: FieldsOf<'store'>): ByteRange[] {
  return planesOf(f.local, f.localStride, f.localPlaneStride, f);
}

/** The operands of a product; with no rows only the weights. */
export interface MatmulOperands {
  readonly a: readonly ByteRange[];
  readonly w: readonly ByteRange[];
  readonly c: readonly ByteRange[];
}

export function matmulOperands(f: FieldsOf<'matmul'>): MatmulOperands {
  return {
    // Activations have 8 bits an element, whichever their format.
    a: tile(f.a, f, f.aStride, f.aInner, rowBytesOf(f.k, FORMAT_CODES.mxint8)),
    w: weights(f),
    c: rowsOf(f.c, f.rows, f.cStride, 4 * f.columns),
  };
}

/** Rows of blocks: one output each, or one k each when transposed. */
function weights(f: FieldsOf<'matmul'>): ByteRange[] {
  const [rows, width] = f.transposed === 1 ? [f.k, f.columns] : [f.columns, f.k];
  const shape = { rows: (rows * width) / MX_BLOCK, inner: width / MX_BLOCK };
  return tile(f.w, shape, f.wStride, f.wBlockStride, rowBytesOf(MX_BLOCK, f.wFormat));
}

/** Sums of more than one block, or that go on, are read back from the accumulators. */
function matmul(f: FieldsOf<'matmul'>): Operands {
  const { a, w, c } = matmulOperands(f);
  const readsSums = f.accumulate === 1 || f.k > MX_BLOCK;
  const control = [...bytes(f.rowCount, 4), ...bytes(f.rowList, 4 * f.rows)];
  return { data: [...a, ...w, ...(readsSums ? c : [])], control, writes: c };
}

function softmax(f: FieldsOf<'softmax'>): Operands {
  return { data: [...sourceA(f), ...bytes(f.b, f.columns)], writes: destination(f) };
}

function argmax(f: FieldsOf<'argmax'>): Operands {
  const result = tile(f.d, f, f.dStride, 8, 8);
  return { data: [...sourceA(f), ...(f.accumulate ? result : [])], writes: result };
}

/** The scores are kept in the rows of gates while experts are chosen. */
function route(f: FieldsOf<'route'>): Operands {
  const logits = rowsOf(f.a, f.rows, f.aStride, 4 * f.columns);
  const gates = rowsOf(f.d, f.rows, f.dStride, 4 * f.columns);
  const bias = rowsOf(f.b, f.rows, f.bStride, 4 * f.columns);
  return { data: [...logits, ...bias, ...gates], writes: gates };
}

type FactorFields = Source & Readonly<Record<'b' | 'bStride' | 'bInner', number>>;

/** The numbers of rows, a word each. */
function factors(f: RowShape & Omit<FactorFields, keyof Source>): ByteRange[] {
  return tile(f.b, f, f.bStride, f.bInner, 4);
}

function scale(f: FieldsOf<'scale'>): Operands {
  const data = [...sourceA(f), ...factors(f)];
  return { data, control: bytes(f.rowCount, 4), writes: destination(f) };
}

function scaleAdd(f: FieldsOf<'scaleAdd'>): Operands {
  const sums = destination({ ...f, dFormat: FORMAT_CODES.f32 });
  return { data: [...sourceA(f), ...factors(f), ...sums], writes: sums };
}

function mix(f: FieldsOf<'mix'>): Operands {
  const terms = { ...f, rows: f.rows * f.terms, inner: f.terms };
  const sums = rowsOf(f.d, f.rows, f.dStride, 4 * f.columns);
  const data = [...sourceA(terms), ...factors(terms), ...(f.accumulate === 1 ? sums : [])];
  return { data, writes: sums };
}

/** What is chosen so far is kept in the rows of d. */
function topk(f: FieldsOf<'topk'>): Operands {
  const chosen = destination({ ...f, dFormat: FORMAT_CODES.f32 });
  return { data: [...sourceA(f), ...chosen], writes: chosen };
}

function dispatch(f: FieldsOf<'dispatch'>): Operands {
  const lists = rowsOf(f.list, f.columns, f.listStride, 4 * f.rows);
  return {
    data: rowsOf(f.a, f.rows, f.aStride, 4 * f.columns),
    writes: [...bytes(f.d, 4 * f.columns), ...lists],
  };
}

function combine(f: FieldsOf<'combine'>): Operands {
  const sums = rowsOf(f.d, f.rows, f.dStride, 4 * f.columns);
  const gates = rowsOf(f.gate, f.rows, f.gateStride, 4);
  return {
    data: [...rowsOf(f.a, f.rows, f.aStride, 4 * f.columns), ...gates, ...sums],
    control: [...bytes(f.list, 4 * f.rows), ...bytes(f.rowCount, 4)],
    writes: sums,
  };
}

const OPERANDS: { readonly [O in Opcode]: (f: FieldsOf<O>, maxPosition: number) => Operands } = {
  load: (f, maxPosition) => ({
    control: bytes(f.unless, 4),
    writes: localPlanes(f),
    memoryReads: memoryPlanes(f, maxPosition),
  }),
  gather: (f) => ({
    control: bytes(f.list, 4 * f.rows),
    writes: rowsOf(f.local, f.rows, f.localStride, f.rowBytes),
    memoryReads: rowsOf(f.memory, f.limit, f.memoryStride, f.rowBytes),
  }),
  store: (f, maxPosition) => ({ data: localPlanes(f), memoryWrites: memoryPlanes(f, maxPosition) }),
  matmul,
  copy: unary,
  add: binary,
  mul: binary,
  swiglu: binary,
  max: binary,
  min: binary,
  div: binary,
  silu: unary,
  rms: (f) => ({ data: [...sourceA(f), ...bytes(f.b, 4 * f.columns)], writes: destination(f) }),
  rope: (f) => ({
    data: [...sourceA(f), ...tile(f.b, f, f.bStride, 0, 4 * f.columns)],
    writes: destination(f),
  }),
  softmax,
  argmax,
  route,
  dispatch,
  combine,
  sigmoid: unary,
  exp: unary,
  softplus: unary,
  signedRoot: unary,
  sum: (f) => ({ data: sourceA(f), writes: tile(f.d, f, f.dStride, f.dInner, 4) }),
  zero: (f) => ({ writes: rowsOf(f.d, f.rows, f.dStride, 4 * f.columns) }),
  scale,
  scaleAdd,
  topk,
  mix,
};

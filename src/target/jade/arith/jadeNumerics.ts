/**
 * The arithmetic of a Jade chip for the interpreter: the same functions as the simulator's, on the
 * interpreter's layout. Both must give the same bits.
 */
import { bf16ToF32, f32ToBf16, UnsupportedError } from '../../../base/index.ts';
import type { Chip } from '../../../chip/index.ts';
import {
  MX_BLOCK,
  type AttendRequest,
  type IndexRequest,
  type MxFormat,
  type MxRows,
  type Numerics,
  wholeBlocks,
} from '../../../ir/index.ts';
import type { Dot, DotRows } from './dot.ts';
import { fastDot } from './fastDot.ts';
import { sigmoid, signedRoot, silu, softplus } from './functions.ts';
import { ELEMENTS, quantizeGroup, UNIT_EXPONENTS } from './mx.ts';
import { pool } from './pool.ts';
import { convolve, gatedDelta } from './recurrence.ts';
import { isLarger } from './reduce.ts';
import { routeGiven, routeRow } from './route.ts';
import {
  canonicalize,
  centreRow,
  rmsRow,
  scaleAddRow,
  scaleByBytes,
  softmaxRow,
  type Row,
} from './rows.ts';
import { agreement, dotRow, mixStreams, streamCoefficients } from './streams.ts';

/**
 * The numerics of `chip`: lanes and activation format are the chip's. `dot` computes the products.
 * f32 contractions throw UnsupportedError: Jade has none, `quantizeForMatrixUnit` removes them.
 */
export function jadeNumerics(chip: Chip, dot: Dot = fastDot): Numerics {
  const { lanes } = chip.vector;
  return {
    name: 'jade',
    embed: (row, out) => out.set(bf16ToF32(f32ToBf16(row))),
    linear: () => refuse(chip, 'linear'),
    linearMx: (x, w, out) => linearMx(dot, x, w, out),
    attend: () => refuse(chip, 'attention'),
    attendMx: (request, out) => attendMx(dot, lanes, chip.matrix.activationFormat, request, out),
    rmsNormalization: (x, weight, epsilon, out) => {
      normalize(x, weight, epsilon, Math.fround(1 / x.length), lanes, out);
    },
    layerNormalization: (x, weight, bias, epsilon, out) =>
      normalizeLayer(x, weight, bias, epsilon, lanes, out),
    indexScores: () => refuse(chip, 'topRows'),
    indexScoresMx: (request, out) => indexScoresMx(dot, request, out),
    silu,
    l2Normalization: (x, epsilon, out) => {
      normalize(x, new Float32Array(x.length).fill(1), epsilon, 1, lanes, out);
    },
    sigmoid,
    softplus,
    convolve,
    gatedDelta,
    pool: (request, out) => {
      pool(request, out);
      canonicalizeRow(out);
    },
    ...streamNumerics(lanes),
    quantize,
  };
}

/** Residual streams, memory by n-gram and routing. */
function streamNumerics(
  lanes: number,
): Pick<
  Numerics,
  'signedRoot' | 'dot' | 'hyperConnection' | 'mix' | 'nGramGate' | 'gatesOf' | 'route'
> {
  return {
    signedRoot: (x, smallest) => signedRoot(x, Math.fround(smallest)),
    dot: (a, b) => dotRow(a, b, lanes),
    hyperConnection: (x, scale, base, attrs, out) => {
      streamCoefficients(x, scale, base, attrs, lanes, out);
      canonicalizeRow(out);
    },
    mix: (coefficients, x, D, out) => {
      mixStreams(coefficients, x, D, out);
      canonicalizeRow(out);
    },
    nGramGate: (request) => agreement(request, lanes),
    gatesOf: (logits, experts, attrs, out) => {
      routeGiven(rowOf(logits), experts, logits.length, attrs, lanes, rowOf(out));
      canonicalizeRow(out);
    },
    route: (logits, bias, attrs, out) => {
      routeRow(rowOf(logits), bias && rowOf(bias), logits.length, attrs, lanes, rowOf(out));
      canonicalizeRow(out);
    },
  };
}

function normalizeLayer(
  x: Float32Array,
  weight: Float32Array,
  bias: Float32Array,
  epsilon: number,
  lanes: number,
  out: Float32Array,
): void {
  centreRow(rowOf(x), x.length, lanes, rowOf(out));
  normalize(out, weight, epsilon, Math.fround(1 / x.length), lanes, out);
  for (let i = 0; i < out.length; i++) out[i] = out[i]! + bias[i]!;
  canonicalizeRow(out);
}

function refuse(chip: Chip, what: string): never {
  throw new UnsupportedError(`${what} on ${chip.name} must have MX operands, not f32`, {
    hint: 'run the quantizeForMatrixUnit pass of the target first',
  });
}

function rowOf(values: Float32Array): Row {
  return { values, offset: 0 };
}

function canonicalizeRow(row: Float32Array): void {
  canonicalize(new Uint32Array(row.buffer, row.byteOffset, row.length), 0, row.length);
}

function normalize(
  x: Float32Array,
  weight: Float32Array,
  epsilon: number,
  inverse: number,
  lanes: number,
  out: Float32Array,
): void {
  rmsRow(rowOf(x), rowOf(weight), x.length, epsilon, inverse, lanes, rowOf(out));
  canonicalizeRow(out);
}

function denseRows({ elements, scales, columns }: MxRows): DotRows {
  const scaleStride = columns / MX_BLOCK;
  return { elements, offset: 0, stride: columns, scales, scaleOffset: 0, scaleStride };
}

function linearMx(dot: Dot, x: MxRows, w: MxRows, out: Float32Array): void {
  dot({
    a: denseRows(x),
    w: denseRows(w),
    M: x.rows,
    N: w.rows,
    K: x.columns,
    unitExponent: UNIT_EXPONENTS[x.format] + UNIT_EXPONENTS[w.format],
    out,
    outOffset: 0,
    outStride: w.rows,
    accumulate: false,
  });
}

/** docs/numerics.md, section 4: heads ascending, each product and each sum rounded. */
function indexScoresMx(
  dot: Dot,
  { query, weights, keys }: IndexRequest<MxRows>,
  out: Float32Array,
): void {
  const products = new Float32Array(query.rows * keys.rows);
  linearMx(dot, query, keys, products);
  relu(products);
  out.fill(0);
  for (const [h, weight] of weights.entries()) {
    scaleAddRow({ values: products, offset: h * keys.rows }, weight, keys.rows, rowOf(out));
  }
  canonicalizeRow(out);
}

/** The larger of each and +0; of a NaN too. */
function relu(values: Float32Array): void {
  for (const [i, value] of values.entries()) if (!isLarger(value, 0)) values[i] = 0;
}

/** docs/numerics.md, section 4. */
function attendMx(
  dot: Dot,
  lanes: number,
  format: MxFormat,
  request: AttendRequest<MxRows>,
  out: Float32Array,
): void {
  const { values, valueWidth, scale } = request;
  const columns = columnsOf(request);
  const { visible, padded, places } = columns;
  const row = rowOf(new Float32Array(padded).fill(-Infinity, 0, visible));
  const scores = new Float32Array(places.length);
  scoreKeys(dot, request, scores);
  places.forEach((place, i) => (row.values[place] = scores[i]!));
  if (columns.sink !== undefined) row.values[columns.sink] = request.sink! / Math.fround(scale);
  softmaxRow(row, visible, padded, scale, lanes, row);
  const probabilities = quantizeDense(weightedByScales(row.values, request, places), format);
  dot({
    a: denseRows(probabilities),
    w: transposedValues(request, padded, places),
    M: 1,
    N: valueWidth,
    K: padded,
    unitExponent: UNIT_EXPONENTS[format] + UNIT_EXPONENTS[values.format],
    out,
    outOffset: 0,
    outStride: valueWidth,
    accumulate: false,
  });
}

/** Where the scores of rows are: one behind another, or those of a window, a sink and entries by blocks. */
interface Columns {
  readonly places: readonly number[];
  readonly sink: number | undefined;
  readonly visible: number;
  /** Visible ones in whole blocks. */
  readonly padded: number;
}

function columnsOf({ count, sink, window }: AttendRequest<MxRows>): Columns {
  if (sink === undefined || window === undefined) {
    const places = Array.from({ length: count }, (_, i) => i);
    return { places, sink: undefined, visible: count, padded: wholeBlocks(count) };
  }
  const room = wholeBlocks(window.room);
  const visible = room + MX_BLOCK + count - window.count;
  const places = Array.from({ length: count }, (_, i) =>
    i < window.count ? window.room - window.count + i : room + MX_BLOCK + i - window.count,
  );
  return { places, sink: room, visible, padded: wholeBlocks(visible) };
}

/** Probabilities times the scales of their value rows; +0 in columns that have none. */
function weightedByScales(
  probabilities: Float32Array,
  { values, valueOffset, valueStride }: AttendRequest<MxRows>,
  places: readonly number[],
): Float32Array {
  const out = new Float32Array(probabilities.length);
  for (const [i, place] of places.entries()) {
    out[place] = probabilities[place]!;
    scaleByBytes(
      { values: out, offset: place },
      1,
      values.scales,
      (valueOffset + i * valueStride) / MX_BLOCK,
      0,
    );
  }
  return out;
}

/** out[t] = query · key t for the visible t. */
function scoreKeys(dot: Dot, request: AttendRequest<MxRows>, out: Float32Array): void {
  const { query, queryOffset, keys, keyOffset, keyStride, keyWidth, count } = request;
  dot({
    a: rowsFrom(query, queryOffset, keyWidth),
    w: rowsFrom(keys, keyOffset, keyStride),
    M: 1,
    N: count,
    K: keyWidth,
    unitExponent: UNIT_EXPONENTS[query.format] + UNIT_EXPONENTS[keys.format],
    out,
    outOffset: 0,
    outStride: count,
    accumulate: false,
  });
}

/** Rows `stride` elements apart from element `offset`, both multiples of 32. */
function rowsFrom({ elements, scales }: MxRows, offset: number, stride: number): DotRows {
  const scaleOffset = offset / MX_BLOCK;
  return { elements, offset, stride, scales, scaleOffset, scaleStride: stride / MX_BLOCK };
}

/** Row n holds channel n of the value rows at their places, zeros elsewhere; every scale is 2^0. */
function transposedValues(
  request: AttendRequest<MxRows>,
  padded: number,
  places: readonly number[],
): DotRows {
  const { values, valueOffset, valueStride, valueWidth } = request;
  const Elements = values.format === 'mxfp8' ? Float32Array : Int8Array;
  const elements = new Elements(valueWidth * padded);
  for (const [i, place] of places.entries()) {
    const from = valueOffset + i * valueStride;
    for (let n = 0; n < valueWidth; n++) elements[n * padded + place] = values.elements[from + n]!;
  }
  const scales = undefined;
  return { elements, offset: 0, stride: padded, scales, scaleOffset: 0, scaleStride: 0 };
}

/** One row in blocks of 32, as MxRows. */
function quantizeDense(row: Float32Array, format: MxFormat): MxRows {
  const Elements = format === 'mxfp8' ? Float32Array : Int8Array;
  const scales = new Uint8Array(row.length / MX_BLOCK);
  const elements = new Elements(row.length);
  const rows = { format, rows: 1, columns: row.length, elements, scales };
  quantize(row, MX_BLOCK, rows, 0);
  return rows;
}

function quantize(
  row: Float32Array,
  group: number,
  out: MxRows,
  rowIndex: number,
  search = false,
): void {
  const { format, elements, scales } = out;
  const values = ELEMENTS[format];
  const codes = new Uint8Array(group);
  for (let start = 0; start < row.length; start += group) {
    const scale = quantizeGroup(row, start, group, format, codes, 0, search);
    const at = rowIndex * row.length + start;
    for (let i = 0; i < group; i++) elements[at + i] = values[codes[i]!]!;
    scales.fill(scale, at / MX_BLOCK, (at + group) / MX_BLOCK);
  }
}

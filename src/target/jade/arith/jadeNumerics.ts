/**
 * The arithmetic of a Jade chip for the interpreter: the same functions as the simulator's, on the
 * interpreter's layout. Both must give the same bits.
 */
import { bf16ToF32, f32ToBf16, UnsupportedError } from '../../../base/index.ts';
import { type Chip } from '../../../chip/index.ts';
import {
  MX_BLOCK,
  type AttendRequest,
  type MxFormat,
  type MxRows,
  type Numerics,
  type Op,
} from '../../../ir/index.ts';
import { type Dot, type DotRows } from './dot.ts';
import { fastDot } from './fastDot.ts';
import { sigmoid, signedRoot, silu, softplus } from './functions.ts';
import { ELEMENTS, quantizeGroup, UNIT_EXPONENTS } from './mx.ts';
import { convolve, gatedDelta } from './recurrence.ts';
import { routeGiven, routeRow } from './route.ts';
import { canonicalize, centreRow, rmsRow, scaleByBytes, softmaxRow, type Row } from './rows.ts';
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
      const inverse = Math.fround(1 / x.length);
      rmsRow(rowOf(x), rowOf(weight), x.length, epsilon, inverse, lanes, rowOf(out));
      canonicalizeRow(out);
    },
    layerNormalization: (x, weight, bias, epsilon, out) => {
      centreRow(rowOf(x), x.length, lanes, rowOf(out));
      const inverse = Math.fround(1 / x.length);
      rmsRow(rowOf(out), rowOf(weight), x.length, epsilon, inverse, lanes, rowOf(out));
      for (let i = 0; i < out.length; i++) out[i] = out[i]! + bias[i]!;
      canonicalizeRow(out);
    },
    indexScores: () => refuseOp(chip, 'topRows'),
    silu,
    l2Normalization: (x, epsilon, out) => {
      rmsRow(
        rowOf(x),
        rowOf(new Float32Array(x.length).fill(1)),
        x.length,
        epsilon,
        1,
        lanes,
        rowOf(out),
      );
      canonicalizeRow(out);
    },
    sigmoid,
    softplus,
    signedRoot: (x, smallest) => signedRoot(x, Math.fround(smallest)),
    dot: (a, b) => dotRow(a, b, lanes),
    convolve,
    gatedDelta,
    pool: () => refuseOp(chip, 'compress'),
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
    quantize,
  };
}

function refuse(chip: Chip, what: string): never {
  throw new UnsupportedError(`${what} on ${chip.name} must have MX operands, not f32`, {
    hint: 'run the quantizeForMatrixUnit pass of the target first',
  });
}

function refuseOp(chip: Chip, op: Op): never {
  throw new UnsupportedError(
    `${chip.name} has no instruction for ${op}, and so no numbers for it`,
    {
      hint: 'interpret with float numerics',
    },
  );
}

function rowOf(values: Float32Array): Row {
  return { values, offset: 0 };
}

function canonicalizeRow(row: Float32Array): void {
  canonicalize(new Uint32Array(row.buffer, row.byteOffset, row.length), 0, row.length);
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

/** docs/numerics.md, section 4. */
function attendMx(
  dot: Dot,
  lanes: number,
  format: MxFormat,
  request: AttendRequest<MxRows>,
  out: Float32Array,
): void {
  const { values, valueOffset, valueStride, valueWidth, count } = request;
  const padded = Math.ceil(count / MX_BLOCK) * MX_BLOCK;
  const row = rowOf(new Float32Array(padded));
  scoreKeys(dot, request, row.values);
  softmaxRow(row, count, padded, request.scale, lanes, row);
  const scaleStride = valueStride / MX_BLOCK;
  scaleByBytes(row, count, values.scales, valueOffset / MX_BLOCK, scaleStride);
  const probabilities = quantizeDense(row.values, format);
  dot({
    a: denseRows(probabilities),
    w: transposedValues(request, padded),
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

/** Row n holds channel n of the visible value rows, then zeros; every scale is 2^0. */
function transposedValues(request: AttendRequest<MxRows>, padded: number): DotRows {
  const { values, valueOffset, valueStride, valueWidth, count } = request;
  const Elements = values.format === 'mxfp8' ? Float32Array : Int8Array;
  const elements = new Elements(valueWidth * padded);
  for (let t = 0; t < count; t++) {
    const from = valueOffset + t * valueStride;
    for (let n = 0; n < valueWidth; n++) elements[n * padded + t] = values.elements[from + n]!;
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

/**
 * Rows of a vector instruction are worked side by side, so none may write bytes that another reads or
 * writes. A row may be written over the row it is computed from (in place).
 */
import { FORMAT_CODES, NONE, type Fields, type Instruction, type Opcode } from '../isa.table.ts';
import { operandsOf, overlap, rowBytesOf } from './access.ts';

/** Bytes of row `row`; −1 where all rows read them. */
interface RowRange {
  readonly row: number;
  readonly start: number;
  readonly end: number;
}

/** What is wrong, as sentences; empty when rows are apart. */
export function overlaps({ op, fields }: Instruction): string[] {
  const check = CHECKS[op];
  return check === undefined ? [] : check(fields);
}

type Check = (fields: Fields) => string[];

/** Operators whose rows t and j are all of one form. */
const rowWise: Check = (f) => apart(destinations(f, f['dFormat']!), sourcesOf(f));

const CHECKS: Partial<Record<Opcode, Check>> = {
  copy: rowWise,
  add: rowWise,
  mul: rowWise,
  swiglu: rowWise,
  silu: rowWise,
  sigmoid: rowWise,
  exp: rowWise,
  softplus: rowWise,
  max: rowWise,
  min: rowWise,
  div: rowWise,
  signedRoot: rowWise,
  sum: (f) => apart(rowRanges(f, f['d']!, f['dStride']!, f['dInner']!, 4), rowsA(f)),
  rms: (f) => apart(destinations(f, f['dFormat']!), [...rowsA(f), ...shared(f['b']!, f)]),
  rope: (f) => apart(destinations(f, f['dFormat']!), [...rowsA(f), ...table(f)]),
  softmax: (f) =>
    apart(destinations(f, f['dFormat']!), [...rowsA(f), ...bytesAt(f['b']!, f['columns']!)]),
  argmax: (f) => apart(rowRanges(f, f['d']!, f['dStride']!, 8, 8), rowsA(f)),
  route: (f) => apart(destinations(f, FORMAT_CODES.f32), [...rowsA(f), ...table(f)]),
  zero: (f) => apart(destinations(f, FORMAT_CODES.f32), []),
  scale: (f) => apart(destinations(f, f['dFormat']!), [...rowsA(f), ...factors(f)]),
  scaleAdd: (f) => apart(destinations(f, FORMAT_CODES.f32), [...rowsA(f), ...factors(f)]),
  mix,
  topk: (f) => apart(destinations(f, FORMAT_CODES.f32), ofAllRows(rowsA(f))),
  dispatch,
  combine,
};

/** Rows (t, j), ascending in r. */
function rowRanges(
  f: Fields,
  address: number,
  stride: number,
  innerStride: number,
  bytes: number,
): RowRange[] {
  const inner = f['inner'] ?? 1;
  return Array.from({ length: f['rows']! }, (_, row) => {
    const start = address + Math.floor(row / inner) * stride + (row % inner) * innerStride;
    return { row, start, end: start + bytes };
  });
}

function destinations(f: Fields, format: number): RowRange[] {
  const bytes = rowBytesOf(f['columns']!, format);
  return rowRanges(f, f['d']!, f['dStride']!, f['dInner'] ?? 0, bytes);
}

function rowsA(f: Fields): RowRange[] {
  const bytes = rowBytesOf(f['columns']!, f['aFormat'] ?? FORMAT_CODES.f32);
  return rowRanges(f, f['a']!, f['aStride']!, f['aInner'] ?? 0, bytes);
}

function sourcesOf(f: Fields): RowRange[] {
  if (f['b'] === undefined) return rowsA(f);
  return [...rowsA(f), ...rowRanges(f, f['b'], f['bStride']!, f['bInner']!, 4 * f['columns']!)];
}

/** A row that all rows read. */
function shared(address: number, f: Fields): RowRange[] {
  return bytesAt(address, 4 * f['columns']!);
}

function bytesAt(start: number, bytes: number): RowRange[] {
  return start === NONE ? [] : [{ row: -1, start, end: start + bytes }];
}

/** Angles of rope, which the heads of a token read; biases of route, read while d is written. Or NONE. */
function table(f: Fields): RowRange[] {
  if (f['b'] === NONE) return [];
  return ofAllRows(rowRanges(f, f['b']!, f['bStride']!, 0, 4 * f['columns']!));
}

/** As if every row read them: nothing may be written there, even by the row itself. */
function ofAllRows(ranges: readonly RowRange[]): RowRange[] {
  return ranges.map((range) => ({ ...range, row: -1 }));
}

/** Numbers, one a row, which all windows of it read. */
function factors(f: Fields): RowRange[] {
  return ofAllRows(rowRanges(f, f['b']!, f['bStride']!, f['bInner']!, 4));
}

/** A row of d may be one of the rows it is the sum of. */
function mix(f: Fields): string[] {
  const inner = f['terms']!;
  const terms = { ...f, rows: f['rows']! * inner, inner };
  const rows = rowsA(terms).map(({ row, ...range }) => ({
    ...range,
    row: Math.floor(row / inner),
  }));
  return apart(destinations(f, FORMAT_CODES.f32), [...rows, ...factors(terms)]);
}

function apart(destination: readonly RowRange[], sources: readonly RowRange[]): string[] {
  const sorted = destination
    .filter(({ start, end }) => end > start)
    .toSorted((a, b) => a.start - b.start);
  const twice = sorted.findIndex(({ end }, i) => end > (sorted[i + 1]?.start ?? Infinity));
  if (twice >= 0) return ['rows of d must not overlap each other'];
  return sources.some((source) => disturbed(source, sorted))
    ? ['rows of d must not overlap what other rows read']
    : [];
}

/** Whether a destination other than the source row itself has bytes of it. */
function disturbed(source: RowRange, sorted: readonly RowRange[]): boolean {
  for (let i = firstBehind(source.start, sorted); i < sorted.length; i++) {
    const { row, start, end } = sorted[i]!;
    if (start >= source.end) return false;
    if (row !== source.row || start !== source.start || end !== source.end) return true;
  }
  return false;
}

/** Index of the first range that ends behind `address`. */
function firstBehind(address: number, sorted: readonly RowRange[]): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle]!.end > address) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Counts and lists are written side by side. */
function dispatch(f: Fields): string[] {
  const lists = { ...f, rows: f['columns']! };
  const ranges = rowRanges(lists, f['list']!, f['listStride']!, 0, 4 * f['rows']!);
  const counts = { row: -1, start: f['d']!, end: f['d']! + 4 * f['columns']! };
  return apart([...ranges, counts], []).map(() => 'counts and lists must not overlap');
}

/** Its rows come one after another, but the parts of a row do not. */
function combine(fields: Fields): string[] {
  const gates = rowRanges(fields, fields['gate']!, fields['gateStride']!, 0, 4);
  const { writes = [] } = operandsOf({ op: 'combine', fields, wait: 0, signal: 0 }, 0);
  const disturbs = overlap([...rowsA(fields), ...gates], writes);
  return disturbs ? ['sums must not overlap rows and gates'] : [];
}

/**
 * What an indexer chooses by its scores: the rows with the largest that a token sees, or the blocks of them with
 * the largest best row. Where the instruction does not know by the position alone which columns count, the
 * others are made NaN, which is smaller than every number, and their marks are taken back.
 *
 *   eligible t × s = 1 in the rows of chosen blocks, or that are visible; else 0
 *   scores         + 0 / eligible
 */
import { partsOfTopRows, type NodeOf } from '../../../ir/index.ts';
import { FORMAT_CODES } from '../isa.table.ts';
import { isByShift } from '../memoryRegions.ts';
import { everyColumn, type Context } from './context.ts';
import { Edges, type Tokens } from './edges.ts';
import { loadFilled } from './epilogue.ts';
import { floatOf, type FloatPlacement } from './placement.ts';
import { factor, into, PLAIN, source, type Fields, type Strides } from './rowFields.ts';
import { shift, type Ref } from './tiles.ts';

/** f32 [token][column] of some tokens; those are rows from `row` on of the step. */
export interface Scores extends Tokens {
  readonly at: Ref;
  readonly columns: number;
  readonly row: number;
}

export function chooseRows(
  context: Context,
  node: NodeOf<'topRows'>,
  scores: Scores,
  marks: FloatPlacement,
): void {
  const { topK, tokensPerRow = 1 } = node.attrs;
  const eligible = eligibleRows(context, node, scores);
  if (eligible !== undefined) exclude(context, scores, eligible);
  const visible = isByShift(tokensPerRow)
    ? { always: 0, shift: Math.log2(tokensPerRow) }
    : everyColumn(scores.columns);
  emitTopK(context, scores, marks, topK, visible);
  if (eligible === undefined) return;
  const { columns, tokens, row } = scores;
  const chosen = shift(marks.at, row * marks.stride);
  const both = { ...source(chosen, [marks.stride, 0]), ...factor(eligible, [columns * 4, 0]) };
  const shape = { rows: tokens, inner: 1, columns };
  context.tiles.emit('mul', { ...both, ...shape, ...into(chosen, [marks.stride, 0]), ...PLAIN });
}

/** The newest block is always chosen: it is made the best. */
export function chooseBlocks(
  context: Context,
  node: NodeOf<'topBlocks'>,
  scores: Scores,
  marks: FloatPlacement,
): void {
  const { topK, tokensPerRow = 1, blockRows } = node.attrs;
  const { tokens } = scores;
  const best = bestOfBlocks(context, scores, blockRows);
  const { columns } = best;
  const edges = new Edges(context, { tokensPerRow, blockRows }, scores, columns);
  const own: Strides = [columns * 4, 0];
  const both = {
    ...source(edges.rowsFromNewest(-Infinity, Infinity), own),
    ...factor(best.at, own),
  };
  const shape = { rows: tokens, inner: 1, columns };
  context.tiles.emit('max', { ...both, ...shape, ...into(best.at, own), ...PLAIN });
  exclude(context, best, edges.rows(1, 0));
  emitTopK(context, best, marks, topK, everyColumn(columns));
}

/** The largest score of each block of rows, of the last of those that it has. */
function bestOfBlocks(context: Context, scores: Scores, blockRows: number): Scores {
  const { tiles } = context;
  const { columns, tokens } = scores;
  const blocks = Math.ceil(columns / blockRows);
  const at = tiles.allocate('best', 'tensors', tokens * blocks * 4);
  const own: Strides = [blocks * 4, 4];
  for (let j = 0; j < Math.min(blockRows, columns); j++) {
    const inner = Math.floor((columns - 1 - j) / blockRows) + 1;
    const shape = { rows: tokens * inner, inner, columns: 1, ...into(at, own), ...PLAIN };
    const row = source(shift(scores.at, j * 4), [columns * 4, blockRows * 4]);
    if (j === 0) tiles.emit('copy', { ...row, ...shape, aFormat: FORMAT_CODES.f32 });
    else tiles.emit('max', { ...row, ...factor(at, own), ...shape });
  }
  return { ...scores, at, columns: blocks };
}

/** Ones and zeros; undefined where the instruction itself sees no other rows. */
function eligibleRows(context: Context, node: NodeOf<'topRows'>, scores: Scores): Ref | undefined {
  const { tokensPerRow = 1 } = node.attrs;
  const within = rowsOfBlocks(context, node, scores);
  if (isByShift(tokensPerRow)) return within;
  const { columns, tokens } = scores;
  const visible = new Edges(context, { tokensPerRow, blockRows: 1 }, scores, columns).rows(1, 0);
  if (within === undefined) return visible;
  const own: Strides = [columns * 4, 0];
  const both = { ...source(within, own), ...factor(visible, own) };
  const shape = { rows: tokens, inner: 1, columns };
  context.tiles.emit('mul', { ...both, ...shape, ...into(within, own), ...PLAIN });
  return within;
}

/** The marks of blocks, for each of their rows. */
function rowsOfBlocks(
  context: Context,
  { inputs, attrs: { blockRows = 1 } }: NodeOf<'topRows'>,
  { columns, tokens, row }: Scores,
): Ref | undefined {
  const { blocks } = partsOfTopRows(inputs);
  if (blocks === undefined) return undefined;
  const { at, stride } = floatOf(context, blocks);
  const inner = Math.floor(columns / blockRows);
  const rest = columns - inner * blockRows;
  const d = context.tiles.allocate('eligible', 'tensors', tokens * columns * 4);
  const ones = source(loadFilled(context, 1, blockRows), [0, 0]);
  const emit = (block: number, count: number, width: number): void => {
    const marks = factor(shift(at, row * stride + block * 4), [stride, 4]);
    const place = into(shift(d, block * blockRows * 4), [columns * 4, blockRows * 4]);
    const shape = { rows: tokens * count, inner: count, columns: width };
    context.tiles.emit('scale', { ...ones, ...marks, ...shape, ...place, ...PLAIN });
  };
  if (inner > 0) emit(0, inner, blockRows);
  if (rest > 0) emit(inner, 1, rest);
  return d;
}

/** Makes NaN what is not eligible. */
function exclude(context: Context, { at, columns, tokens }: Scores, eligible: Ref): void {
  const { tiles } = context;
  const own: Strides = [columns * 4, 0];
  const shape = { rows: tokens, inner: 1, columns };
  const d = tiles.allocate('excluded', 'tensors', tokens * columns * 4);
  tiles.emit('zero', { d, dStride: columns * 4, rows: tokens, columns });
  const quotient = { ...source(d, own), ...factor(eligible, own) };
  tiles.emit('div', { ...quotient, ...shape, ...into(d, own), ...PLAIN });
  const sum = { ...source(at, own), ...factor(d, own) };
  tiles.emit('add', { ...sum, ...shape, ...into(at, own), ...PLAIN });
}

function emitTopK(
  context: Context,
  { at, columns, tokens, row, sequence, first }: Scores,
  marks: FloatPlacement,
  topK: number,
  visible: Fields,
): void {
  context.tiles.emit('topk', {
    ...source(at, [columns * 4, 0]),
    ...{ rows: tokens, inner: 1, columns, topK: Math.min(topK, columns) },
    ...into(shift(marks.at, row * marks.stride), [marks.stride, 0]),
    ...{ sequence, first, ...visible },
  });
}

/**
 * The indexer: which rows of its sequence each token attends to, or which blocks of them, as ones among zeros
 * [token][row]; choices.ts says how they are chosen.
 *
 *   products (t, h) × s = q (t, h) × keysᵀ, those below zero +0
 *   scores t × s        = Σ_h weights (t, h) · products (t, h)
 *
 * Products go in pieces of tokens and rows that fit in an accumulator bank; scores are whole rows. Where all
 * visible rows are chosen there is nothing to do: attention reads them all.
 */
import { CapacityError } from '../../../base/index.ts';
import type { Kernel } from '../../../compile/index.ts';
import {
  MX_BLOCK,
  partsOfTopRows,
  type Node,
  type NodeOf,
  wholeBlocks,
} from '../../../ir/index.ts';
import { NONE, FORMAT_CODES } from '../isa.table.ts';
import { keyFields } from './attention.ts';
import { chooseBlocks, chooseRows, type Scores } from './choices.ts';
import { choosesAll } from './chosenRows.ts';
import type { Context } from './context.ts';
import { loadFilled } from './epilogue.ts';
import { activationFields } from './matmul.ts';
import { floatOf, mxOf, type FloatPlacement, type MxPlacement } from './placement.ts';
import { spansOf, stateRows, WholeState, type Span } from './stateRows.ts';
import { shift, type Operand, type Ref } from './tiles.ts';

/** What is the same for all blocks of one sequence. */
interface Indexer {
  readonly node: NodeOf<'topRows'> | NodeOf<'topBlocks'>;
  readonly sequence: number;
  readonly query: MxPlacement;
  readonly heads: number;
  /** First number of head 0 of token 0; from token to token, and from head to head. */
  readonly weights: { readonly at: Ref; readonly stride: number; readonly inner: number };
  readonly keys: WholeState;
  /** A row of +0. */
  readonly zeros: Ref;
  /** Rows of a piece, and tokens of a block. */
  readonly pieceRows: number;
  readonly tokens: number;
}

export function lowerTopRows(context: Context, kernel: Kernel): void {
  const node = kernel.anchors[0] as NodeOf<'topRows'>;
  if (choosesAll(node, context.dims)) return;
  const marks = allocateMarks(context, node, wholeBlocks(context.dims.S));
  forBlocks(context, node, (scores) => chooseRows(context, node, scores, marks));
}

export function lowerTopBlocks(context: Context, kernel: Kernel): void {
  const node = kernel.anchors[0] as NodeOf<'topBlocks'>;
  const { S } = context.dims;
  const columns = Math.ceil(wholeBlocks(S) / node.attrs.blockRows);
  const marks = allocateMarks(context, node, columns);
  const { at: d, stride: dStride, rows } = marks;
  context.tiles.emit('zero', { d, dStride, rows, columns });
  forBlocks(context, node, (scores) => chooseBlocks(context, node, scores, marks));
}

function allocateMarks(context: Context, node: Node, columns: number): FloatPlacement {
  const [rows, stride] = [context.rows, columns * 4];
  const at = context.tiles.allocate('chosen', 'tensors', rows * stride);
  const marks: FloatPlacement = { kind: 'f32', at, stride, rows };
  context.values.set(node, marks);
  return marks;
}

/** Calls `choose` with the scores of all tokens, block by block. */
function forBlocks(
  context: Context,
  node: Indexer['node'],
  choose: (scores: Scores) => void,
): void {
  const { B, T, S } = context.dims;
  const { q, weights, keys } = partsOfTopRows(node.inputs);
  const query = mxOf(context, q);
  const size = pieceOf(context, node, query.heads);
  const shared = {
    ...{ node, query, heads: query.heads, ...size },
    weights: weightsOf(context, weights),
    zeros: zeroRow(context, size.pieceRows),
  };
  const count = wholeBlocks(Math.max(1, Math.floor(S / (node.attrs.tokensPerRow ?? 1))));
  for (let sequence = 0; sequence < B; sequence++) {
    const rows = new WholeState(context, stateRows(context, keys, sequence, 0), count, new Map());
    const indexer = { ...shared, keys: rows, sequence };
    for (let first = 0; first < T; first += size.tokens) {
      choose(lowerScores(context, indexer, first, Math.min(size.tokens, T - first)));
    }
  }
}

/** Rows and tokens whose products fit in a bank. */
function pieceOf(
  { chip, dims }: Context,
  { label }: Node,
  heads: number,
): { readonly pieceRows: number; readonly tokens: number } {
  const bank = chip.accumulator.sizeBytes / chip.accumulator.banks;
  const fit = Math.floor(bank / (heads * 4) / MX_BLOCK) * MX_BLOCK;
  if (fit < MX_BLOCK) {
    throw new CapacityError(
      `products of ${heads} heads and ${MX_BLOCK} rows must fit in an accumulator bank of ${bank} bytes`,
      { where: label, hint: 'use a chip with larger accumulators' },
    );
  }
  const pieceRows = Math.min(fit, wholeBlocks(dims.S));
  return { pieceRows, tokens: Math.min(MX_BLOCK, Math.floor(bank / (heads * pieceRows * 4))) };
}

function weightsOf(context: Context, weights: Node | undefined): Indexer['weights'] {
  if (weights === undefined) return { at: loadFilled(context, 1, 1), stride: 0, inner: 0 };
  const { at, stride } = floatOf(context, weights);
  return { at, stride, inner: 4 };
}

function zeroRow(context: Context, columns: number): Ref {
  const d = context.tiles.allocate('zeros', 'tensors', columns * 4);
  context.tiles.emit('zero', { d, dStride: 0, rows: 1, columns });
  return d;
}

/** The scores of `tokens` tokens of a sequence from `first` on, of all rows that any of them sees. */
function lowerScores(context: Context, indexer: Indexer, first: number, tokens: number): Scores {
  const { T, S } = context.dims;
  const { node, sequence } = indexer;
  const seen = Math.floor((S - T + first + tokens) / (node.attrs.tokensPerRow ?? 1));
  const columns = wholeBlocks(Math.max(seen, 1));
  const at = context.tiles.allocate('scores', 'tensors', tokens * columns * 4);
  const row = sequence * T + first;
  for (const span of piecesOf(indexer, columns)) {
    const products = lowerProducts(context, indexer, [row, tokens], span);
    emitSums(context, indexer, [row, tokens], products, {
      at: shift(at, span.start * 4),
      stride: columns * 4,
      columns: span.used,
    });
  }
  return { at, columns, row, sequence, first, tokens };
}

/** The rows of a piece are loaded together. */
function piecesOf({ keys, pieceRows }: Indexer, reach: number): Span[] {
  const size = Math.min(pieceRows, keys.pieceRows);
  return spansOf(keys.count, size, reach);
}

/** Products of all heads of some tokens and some keys, none below zero: [(t, h)][columns]. */
function lowerProducts(
  context: Context,
  { query, heads, keys, zeros }: Indexer,
  [row, tokens]: readonly [number, number],
  span: Span,
): Ref {
  const { tiles } = context;
  const [rows, columns] = [tokens * heads, span.used];
  const c = tiles.allocate('products', 'accumulator', rows * columns * 4);
  const source = { ...query, at: shift(query.at, row * query.stride) };
  tiles.emit('matmul', {
    ...activationFields({ source, tokens, inner: heads }),
    ...keyFields(keys.load(span), query),
    columns,
    c,
    cStride: columns * 4,
    accumulate: 0,
  });
  const strides = (name: string): Record<string, Operand> => ({
    [name]: c,
    [`${name}Stride`]: columns * 4,
    [`${name}Inner`]: 0,
  });
  tiles.emit('max', {
    ...strides('a'),
    ...{ b: zeros, bStride: 0, bInner: 0, rows, inner: 1, columns },
    ...strides('d'),
    ...{ dFormat: FORMAT_CODES.f32, group: 0, rowCount: NONE },
  });
  return c;
}

function emitSums(
  context: Context,
  { heads, weights }: Indexer,
  [row, tokens]: readonly [number, number],
  products: Ref,
  into: { readonly at: Ref; readonly stride: number; readonly columns: number },
): void {
  const { at, stride, columns } = into;
  context.tiles.emit('mix', {
    a: products,
    aStride: heads * columns * 4,
    aInner: columns * 4,
    b: shift(weights.at, row * weights.stride),
    bStride: weights.stride,
    bInner: weights.inner,
    rows: tokens,
    terms: heads,
    columns,
    d: at,
    dStride: stride,
    accumulate: 0,
  });
}

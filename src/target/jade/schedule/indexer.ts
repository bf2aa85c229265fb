/**
 * The indexer: which rows of its sequence each token attends to, as ones among zeros [token][row].
 *
 *   products (t, h) × s = q (t, h) × keysᵀ, those below zero +0
 *   scores t × s        = Σ_h weights (t, h) · products (t, h)
 *   chosen t × s        = 1 in the columns with the largest visible scores
 *
 * Products go in pieces of tokens and rows that fit in an accumulator bank; scores are whole rows. Where all
 * visible rows are chosen there is nothing to do: attention reads them all.
 */
import { CapacityError } from '../../../base/index.ts';
import { type Kernel } from '../../../compile/index.ts';
import {
  MX_BLOCK,
  partsOfTopRows,
  type Node,
  type NodeOf,
  wholeBlocks,
} from '../../../ir/index.ts';
import { NONE, FORMAT_CODES } from '../isa.table.ts';
import { keyFields } from './attention.ts';
import { choosesAll } from './chosenRows.ts';
import { type Context } from './context.ts';
import { loadFilled } from './epilogue.ts';
import { activationFields } from './matmul.ts';
import { floatOf, mxOf, type FloatPlacement, type MxPlacement } from './placement.ts';
import { spansOf, stateRows, WholeState, type Span } from './stateRows.ts';
import { shift, type Operand, type Ref } from './tiles.ts';

/** What is the same for all blocks of one sequence. */
interface Indexer {
  readonly node: NodeOf<'topRows'>;
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
  readonly chosen: FloatPlacement;
}

export function lowerTopRows(context: Context, kernel: Kernel): void {
  const node = kernel.anchors[0] as NodeOf<'topRows'>;
  const { B, T, S } = context.dims;
  if (choosesAll(node, context.dims)) return;
  const { q, weights, keys } = partsOfTopRows(node.inputs);
  const query = mxOf(context, q);
  const stride = wholeBlocks(S) * 4;
  const at = context.tiles.allocate('chosen', 'tensors', B * T * stride);
  const chosen: FloatPlacement = { kind: 'f32', at, stride, rows: B * T };
  context.values.set(node, chosen);
  const size = pieceOf(context, node, query.heads);
  const shared = {
    ...{ node, query, heads: query.heads, chosen, ...size },
    weights: weightsOf(context, weights),
    zeros: zeroRow(context, size.pieceRows),
  };
  for (let sequence = 0; sequence < B; sequence++) {
    const rows = new WholeState(context, stateRows(context, keys, sequence, 0), S, new Map());
    const indexer = { ...shared, keys: rows, sequence };
    for (let first = 0; first < T; first += size.tokens) {
      lowerBlock(context, indexer, first, Math.min(size.tokens, T - first));
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

/** What is chosen for `tokens` tokens of a sequence from `first` on. */
function lowerBlock(context: Context, indexer: Indexer, first: number, tokens: number): void {
  const { T, S } = context.dims;
  const { node, sequence, chosen } = indexer;
  const { topK, tokensPerRow = 1 } = node.attrs;
  const seen = Math.floor((S - T + first + tokens) / tokensPerRow);
  const reach = wholeBlocks(Math.max(seen, 1));
  const scores = context.tiles.allocate('scores', 'tensors', tokens * reach * 4);
  const row = sequence * T + first;
  for (const span of piecesOf(indexer, reach)) {
    const products = lowerProducts(context, indexer, [row, tokens], span);
    emitSums(context, indexer, [row, tokens], products, {
      at: shift(scores, span.start * 4),
      stride: reach * 4,
      columns: span.used,
    });
  }
  context.tiles.emit('topk', {
    a: scores,
    aStride: reach * 4,
    aInner: 0,
    rows: tokens,
    inner: 1,
    columns: reach,
    d: shift(chosen.at, row * chosen.stride),
    dStride: chosen.stride,
    dInner: 0,
    topK: Math.min(topK, reach),
    sequence,
    first,
    always: 0,
    shift: Math.log2(tokensPerRow),
  });
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

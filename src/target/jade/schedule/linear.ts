/** Linear kernels: weights stream through in chunks of output channels, each finished by the epilogue. */
import type { Kernel } from '../../../compile/index.ts';
import { lastDim, type Node } from '../../../ir/index.ts';
import { weightKey } from '../layout.ts';
import type { TiledWeight } from '../memoryRegions.ts';
import { contiguous, regionAddress, type Context } from './context.ts';
import { emitEpilogue, type Piece } from './epilogue.ts';
import { emitProduct } from './matmul.ts';
import { headsOf, mxOf, rowsOf } from './placement.ts';
import { shift, type Ref } from './tiles.ts';

/** `onChunk` hears how many channels are finished, a chunk later: then their epilogue had its time. */
export function lowerLinear(
  context: Context,
  kernel: Kernel,
  onChunk: (channels: number) => void = () => {},
): void {
  const [anchor] = kernel.anchors as [Node];
  const source = mxOf(context, anchor.inputs[0]!);
  const weights = kernel.anchors.map((node) =>
    context.layout.weights.get(weightKey(node.inputs[1]!))!,
  );
  const { rows: outputs, tileRows } = weights[0]!;
  const tokens = rowsOf(context, anchor);
  const inner = headsOf(anchor);
  // Heads that share the weights lie one behind the other, each whole.
  const least = inner > 1 ? outputs : chunkOf(chunkUnit(kernel, outputs), tileRows, outputs);
  const chunk = kernel.result.op === 'argMax' ? choiceChunk(context, least, tokens) : least;
  const finish = finisherOf(context, kernel, tokens);
  for (let n = 0; n < outputs; n += chunk) {
    const count = Math.min(chunk, outputs - n);
    const pieces = weights.map((weight) => {
      const at = context.tiles.allocate('sums', 'accumulator', tokens * inner * count * 4);
      emitProduct(context, { source, tokens, inner }, weight, 0, [n, count], {
        at,
        stride: count * 4,
      });
      return at;
    });
    finish(pieceOf(pieces[0]!, tokens, inner, n, count), pieces[1]);
    onChunk(n);
  }
}

function pieceOf(
  at: Ref,
  tokens: number,
  inner: number,
  firstChannel: number,
  columns: number,
): Piece {
  const place = { firstToken: 0, firstHead: 0, firstChannel };
  const innerStride = inner > 1 ? columns * 4 : 0;
  return { at, stride: inner * columns * 4, innerStride, tokens, inner, columns, ...place };
}

type Finisher = (piece: Piece, partner: Ref | undefined) => void;

/** What happens to a finished chunk: the result of the model, or the chain into its destination. */
function finisherOf(context: Context, kernel: Kernel, tokens: number): Finisher {
  const { chain, result } = kernel;
  if (result.op === 'argMax') return choiceFinisher(context, kernel, tokens);
  if (result === context.graph.outputs.get('logits') && chain.length === 0)
    return (piece) => storeLogits(context, result, piece);
  return (piece, partner) =>
    emitEpilogue(context, chain, piece, result, partner ? { partner } : {});
}

/** Operators that read a row as a whole. */
const ROW_WISE: ReadonlySet<Node['op']> = new Set([
  'rmsNormalization',
  'l2Normalization',
  'rotaryEmbedding',
]);

/** Channels finished together come in multiples of this: whole heads, whole rows for a norm over all. */
export function chunkUnit(kernel: Kernel, outputs: number): number {
  let unit = 1;
  let heads = false;
  for (const node of kernel.chain) {
    if (node.op === 'splitHeads') heads = true;
    const rowWise = ROW_WISE.has(node.op);
    const group = node.op === 'quantize' ? node.attrs.group : 32;
    if (node.op === 'splitHeads' || rowWise) unit = leastCommonMultiple(unit, lastDim(node.type));
    if (rowWise && !heads) return outputs;
    unit = leastCommonMultiple(unit, group);
  }
  return unit;
}

/** Channels finished together: whole tiles and whole units, at most all. */
export function chunkOf(unit: number, tileRows: number, outputs: number): number {
  return Math.min(outputs, leastCommonMultiple(unit, tileRows));
}

function leastCommonMultiple(a: number, b: number): number {
  const gcd = (x: number, y: number): number => (y === 0 ? x : gcd(y, x % y));
  return (a / gcd(a, b)) * b;
}

/** Chunks of logits that are stored together. */
const CHUNKS_A_STORE = 4;

/**
 * Logits are stored out of their bank of the accumulators, which takes until the loads in flight are done:
 * several chunks at once, if a bank has room for them, so that the next product there need not wait.
 */
function choiceChunk({ chip }: Context, chunk: number, tokens: number): number {
  const bank = chip.accumulator.sizeBytes / chip.accumulator.banks;
  const fit = Math.floor(bank / (tokens * chunk * 4));
  return chunk * Math.max(1, Math.min(CHUNKS_A_STORE, fit));
}

/** The head of the model: logits go to the mailbox, the largest so far stays on the chip. */
function choiceFinisher(context: Context, kernel: Kernel, tokens: number): Finisher {
  const vocabulary = lastDim(kernel.anchors[0]!.type);
  const best = context.tiles.allocate('best', 'tensors', tokens * 8);
  return (piece) => {
    storeLogits(context, kernel.anchors[0]!, piece);
    const { at, stride, columns, firstChannel } = piece;
    const source = { a: at, aStride: stride, aInner: 0, rows: tokens, inner: 1, columns };
    const accumulate = Number(firstChannel > 0);
    context.tiles.emit('argmax', {
      ...source,
      d: best,
      dStride: 8,
      base: firstChannel,
      accumulate,
    });
    if (firstChannel + columns === vocabulary) storeChoice(context, best, tokens);
  };
}

function storeLogits(context: Context, logits: Node, piece: Piece): void {
  const { at, stride, tokens, columns, firstChannel } = piece;
  context.tiles.emit('store', {
    ...contiguous(regionAddress(context, 'logits') + firstChannel * 4, at, columns * 4),
    rows: tokens,
    memoryStride: lastDim(logits.type) * 4,
    localStride: stride,
  });
}

function storeChoice(context: Context, best: Ref, tokens: number): void {
  context.tiles.emit('store', {
    ...contiguous(regionAddress(context, 'next'), shift(best, 4), 4),
    rows: tokens,
    memoryStride: 4,
    localStride: 8,
  });
}

/** A linear for each head, with weights of its own. */
export function lowerHeadLinear(context: Context, kernel: Kernel): void {
  const [anchor] = kernel.anchors as [Node];
  const source = mxOf(context, anchor.inputs[0]!);
  const weight = context.layout.weights.get(weightKey(anchor.inputs[1]!))! as TiledWeight;
  const tokens = context.rows;
  for (let head = 0; head < weight.planes; head++) {
    const from = source.heads === 1 ? 0 : head * source.headStride;
    const own = { ...source, at: shift(source.at, from) };
    const at = context.tiles.allocate('sums', 'accumulator', tokens * weight.rows * 4);
    const into = { at, stride: weight.rows * 4 };
    emitProduct(context, { source: own, tokens, inner: 1 }, weight, head, [0, weight.rows], into);
    const piece = { ...pieceOf(at, tokens, 1, 0, weight.rows), firstHead: head };
    emitEpilogue(context, kernel.chain, piece, kernel.result);
  }
}

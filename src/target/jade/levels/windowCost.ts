/** Attention to a window and entries (schedule/window.ts) as numbers, and what it asks of a chip. */
import {
  lastDim,
  MX_BLOCK,
  wholeBlocks,
  type Dims,
  type MxFormat,
  type NodeOf,
} from '../../../ir/index.ts';
import { blockBytes } from '../isa.table.ts';
import { mxRowBytes } from '../memoryRegions.ts';
import { choosesAll } from '../schedule/chosenRows.ts';
import type { ValueBytes } from '../schedule/regions.ts';
import type { Machine } from './machine.ts';
import { vectorStep, type VectorStep } from './vectorSteps.ts';

/** Each token by itself; its heads as many together as their scores fit. */
export interface WindowShape {
  readonly kind: 'window';
  readonly sequences: number;
  readonly tokens: number;
  /** Columns of scores: the window, the block of sinks, entries. */
  readonly columns: number;
  readonly heads: number;
  readonly width: number;
  /** Bytes of a row of state, and of a block of it. */
  readonly rowBytes: number;
  readonly blockBytes: number;
  /** Rows that a sequence loads together, and that each token gathers one by one. */
  readonly loaded: number;
  readonly gathered: number;
  /** On scores before their softmax: sinks, and what is masked. */
  readonly sinks: VectorStep;
  readonly mask: VectorStep;
  readonly softmax: VectorStep;
  readonly steps: readonly VectorStep[];
  readonly after: readonly number[];
  readonly loadsAfter?: readonly number[];
  readonly values?: ValueBytes;
}

export function windowShape(
  node: NodeOf<'windowAttention'>,
  { B, T, S }: Dims,
  steps: readonly VectorStep[],
  after: readonly number[],
): WindowShape {
  const [entries, chosen] = node.inputs.slice(5);
  const room = node.inputs[0]!.type.shape[1] as number;
  const width = lastDim(node.type);
  const format = node.inputs[2]!.type.dtype as MxFormat;
  const seen = entries === undefined ? 0 : Math.floor(S / (node.attrs.tokensPerRow ?? 1));
  const isChosen = chosen !== undefined && !choosesAll(chosen, { S });
  const read = wholeBlocks(isChosen ? Math.min(seen, lastDim(chosen.type)) : seen);
  const columns = wholeBlocks(room) + MX_BLOCK + read;
  return {
    kind: 'window',
    ...{ sequences: B, tokens: T, columns, heads: node.type.shape[2] as number, width },
    ...{ rowBytes: mxRowBytes(width, format), blockBytes: blockBytes(format) },
    loaded: wholeBlocks(room) + T + (isChosen ? 0 : read),
    gathered: isChosen ? read : 0,
    sinks: vectorStep('copy', MX_BLOCK, 0),
    mask: vectorStep('add', room, 0),
    softmax: vectorStep('softmax', columns, 32),
    ...{ steps, after },
  };
}

/** Cycles of each unit, and those that nothing hides at the end. */
export interface WindowCost {
  readonly memory: number;
  readonly matrix: number;
  readonly vector: number;
  readonly lastMatrix: number;
  readonly lastVector: number;
}

/** The softmax of a block runs beside the products of its neighbours, as in attention. */
export function windowCost(machine: Machine, shape: WindowShape): WindowCost {
  const { sequences, tokens, columns, width, rowBytes } = shape;
  const { accumulator, matrix } = machine.chip;
  const fit = Math.floor(accumulator.sizeBytes / accumulator.banks / (columns * 4));
  const heads = Math.min(shape.heads, Math.max(fit, 1));
  const blocks = sequences * tokens * (shape.heads / heads);
  const scores = machine.scores(heads, columns, width, shape.blockBytes, true);
  const values = machine.values(heads, width, columns);
  const softmax =
    machine.vector(shape.sinks, heads, shape.sinks.width) +
    machine.vector(shape.mask, heads, shape.mask.width) +
    machine.vector(shape.softmax, heads, columns);
  const finish = machine.piece(shape.steps, heads, width);
  const ends = scores + values + 2 * matrix.pipelineCycles;
  const gathered = machine.transfers(shape.gathered, rowBytes) * tokens;
  return {
    memory: sequences * (machine.transfers(1, shape.loaded * rowBytes) + gathered),
    matrix: Math.max(blocks * (scores + values), blocks * softmax + ends),
    vector: blocks * (softmax + finish),
    lastMatrix: ends + softmax,
    lastVector: finish + matrix.pipelineCycles,
  };
}

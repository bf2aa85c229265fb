/**
 * What a kernel asks of memory channel, matrix unit and vector unit, in cycles: the number of each kind of
 * tile times the closed form of its instruction (sim/*Timing.ts), without running anything.
 */
import { type Chip } from '../../../chip/index.ts';
import { MX_BLOCK, type MxFormat } from '../../../ir/index.ts';
import { blockBytes, FORMAT_CODES, NONE, type FieldsOf } from '../isa.table.ts';
import { mxRowBytes, tileOf } from '../layout.ts';
import { rowsOfPiece } from '../schedule/attention.ts';
import { chunkOf } from '../schedule/linear.ts';
import { regionsOf } from '../schedule/regions.ts';
import { matmulPhases } from '../sim/matrixTiming.ts';
import { transferBeats } from '../sim/transferTiming.ts';
import { vectorCycles } from '../sim/vectorTiming.ts';
import {
  type AttentionShape,
  type EmbeddingShape,
  type ExpertsShape,
  type KernelShape,
  type LinearShape,
  type RowsShape,
  type VectorStep,
} from './kernelShapes.ts';

export interface KernelCost {
  /** Cycles each unit works. */
  readonly memory: number;
  readonly matrix: number;
  readonly vector: number;
  /** From the last byte on the chip to the last product, and from there to the last finished row. */
  readonly lastMatrix: number;
  readonly lastVector: number;
  /** Whether its loads wait for results of this step: chosen experts, appended state. */
  readonly waits: boolean;
}

const NOTHING: KernelCost = {
  memory: 0,
  matrix: 0,
  vector: 0,
  lastMatrix: 0,
  lastVector: 0,
  waits: false,
};

export function kernelCost(chip: Chip, shape: KernelShape): KernelCost {
  switch (shape.kind) {
    case 'linear':
      return linearCost(chip, shape);
    case 'rows':
      return rowsCost(chip, shape);
    case 'embedding':
      return embeddingCost(chip, shape);
    case 'attention':
      return attentionCost(chip, shape);
    case 'experts':
      return expertsCost(chip, shape);
  }
}

/** Cycles of `count` transfers of `bytes` each. */
function transfers(chip: Chip, count: number, bytes: number): number {
  return transferBeats({ rowBytes: bytes }, chip, count);
}

/** Cycles of one step on `rows` rows of `columns` channels; a scale for more than the lanes takes a copy. */
function stepCycles(chip: Chip, step: VectorStep, rows: number, columns: number): number {
  const { op, group } = step;
  const fits = group <= chip.vector.lanes && Number.isInteger(Math.log2(group));
  if (group === 0 || fits || op === 'copy')
    return instructionCycles(chip, op, rows, columns, group);
  return (
    instructionCycles(chip, op, rows, columns, 0) +
    instructionCycles(chip, 'copy', rows, columns, group)
  );
}

function instructionCycles(
  chip: Chip,
  op: VectorStep['op'],
  rows: number,
  columns: number,
  group: number,
): number {
  const dFormat = group > 0 ? FORMAT_CODES[chip.matrix.activationFormat] : FORMAT_CODES.f32;
  const fields = { rows, inner: 1, columns, dFormat, group, topK: 0, topGroups: 0 };
  return vectorCycles(op, fields, chip, rows);
}

/** Cycles of the steps on a piece of rows × channels, split in rows of each step's width. */
function pieceCycles(
  chip: Chip,
  steps: readonly VectorStep[],
  rows: number,
  channels: number,
): number {
  let cycles = 0;
  for (const step of steps) {
    const columns = Math.min(step.width, channels);
    cycles += stepCycles(chip, step, (rows * channels) / columns, columns);
  }
  return cycles;
}

interface Product {
  /** Cycles of loading all weights, of multiplying with them, and of the last tile's products. */
  readonly memory: number;
  readonly matrix: number;
  readonly lastTile: number;
  readonly tiles: number;
}

/** rows × inputs times outputs × inputs, tile by tile. */
function productOf(
  chip: Chip,
  rows: number,
  outputs: number,
  inputs: number,
  format: MxFormat,
): Product {
  const { tileRows, tileColumns } = tileOf(outputs, inputs, chip);
  const [down, across] = [Math.floor(outputs / tileRows), Math.floor(inputs / tileColumns)];
  const [lowRows, lowColumns] = [outputs - down * tileRows, inputs - across * tileColumns];
  const total = { memory: 0, matrix: 0, lastTile: 0, tiles: 0 };
  const add = (count: number, height: number, width: number): void => {
    if (count === 0 || height === 0 || width === 0) return;
    const compute = multiplyCycles(chip, rows, height, width, format);
    total.memory += transfers(chip, count, height * mxRowBytes(width, format));
    total.matrix += count * compute;
    total.lastTile = compute;
    total.tiles += count;
  };
  add(down * across, tileRows, tileColumns);
  add(down, tileRows, lowColumns);
  add(across, lowRows, tileColumns);
  add(1, lowRows, lowColumns);
  return total;
}

/** How weights lie on the chip: as tiles, as rows of a state, or as rows of values. */
type Weights = 'packed' | 'rows' | 'transposed';

function multiplyCycles(
  chip: Chip,
  rows: number,
  columns: number,
  k: number,
  format: MxFormat,
  weights: Weights = 'packed',
): number {
  const wStride = weights === 'packed' ? blockBytes(format) : mxRowBytes(k, format);
  const transposed = Number(weights === 'transposed');
  const fields = { columns, k, wFormat: FORMAT_CODES[format], wStride, transposed, rowCount: NONE };
  const phases = matmulPhases(fields as FieldsOf<'matmul'>, chip, rows);
  // The next product starts when the last pass has begun, and asks for its own weights first.
  return phases.lastPass + Math.max(phases.occupied, 1 + phases.firstPass);
}

function linearCost(chip: Chip, shape: LinearShape): KernelCost {
  const { rows, outputs, inputs, planes, weights, format, steps } = shape;
  const { memory, matrix, lastTile } = productOf(chip, rows, outputs, inputs, format);
  const chunk = chunkOf(shape.chunkUnit, tileOf(outputs, inputs, chip).tileRows, outputs);
  const whole = Math.floor(outputs / chunk);
  const rest = outputs - whole * chunk;
  const wholeCycles = pieceCycles(chip, steps, rows, chunk);
  const restCycles = rest > 0 ? pieceCycles(chip, steps, rows, rest) : 0;
  return {
    memory: memory * planes * weights,
    matrix: matrix * planes * weights,
    vector: (whole * wholeCycles + restCycles) * planes,
    lastMatrix: lastTile,
    lastVector: chip.matrix.pipelineCycles + (rest > 0 ? restCycles : wholeCycles),
    waits: false,
  };
}

function rowsCost(chip: Chip, { rows, steps }: RowsShape): KernelCost {
  let vector = 0;
  for (const step of steps) vector += stepCycles(chip, step, rows, step.width);
  return { ...NOTHING, vector, lastVector: vector };
}

/** Token ids, then the rows they choose, then these rows as f32. */
function embeddingCost(chip: Chip, { rows, width }: EmbeddingShape): KernelCost {
  const memory = transfers(chip, rows, width * 2);
  const vector = stepCycles(chip, { op: 'copy', width, group: 0 }, rows, width);
  const lastVector = vector + 2 * chip.memory.latencyCycles;
  return { ...NOTHING, memory, vector, lastVector };
}

/** Cycles of the transfers that run ahead: a full ring of weights. */
export function aheadCycles(chip: Chip): number {
  return regionsOf(chip)[0]!.sizeBytes / chip.memory.bytesPerCycle;
}

/**
 * Tokens go in blocks whose scores fit in an accumulator bank, small ones when the state is one piece; a
 * block sees the positions before its end, here all the mean number of them. The softmax of one runs
 * beside the products of its neighbours, and of the query when joined with that.
 */
function attentionCost(chip: Chip, shape: AttentionShape): KernelCost {
  const { tokens, context, keyWidth, valueWidth, format, shared, joined } = shape;
  const heads = shape.heads / shape.groups;
  const piece = Math.min(context, rowsOfPiece(chip, mxRowBytes(keyWidth, format)));
  const isWhole = piece === context;
  const size = Math.min(blockOf(chip, shape), isWhole ? MX_BLOCK : tokens);
  const reach = Math.ceil((context - (tokens - size) / 2) / MX_BLOCK) * MX_BLOCK;
  const rows = size * heads;
  const sequences = shape.sequences * shape.groups;
  const blocks = sequences * (tokens / size);
  const loads = (isWhole ? sequences : blocks) * (shared && isWhole ? 1 : 2);
  const perState = transfers(chip, context / piece, piece * mxRowBytes(keyWidth, format));
  const keys = shared ? 'rows' : 'packed';
  const scores = multiplyCycles(chip, rows, reach, keyWidth, format, keys);
  const values = multiplyCycles(chip, rows, valueWidth, reach, format, 'transposed');
  const softmax = stepCycles(chip, { op: 'softmax', width: reach, group: 32 }, rows, reach);
  const finish = pieceCycles(chip, shape.steps, rows, valueWidth);
  const { pipelineCycles } = chip.matrix;
  // Softmaxes that no product of the query hides.
  const exposed = joined ? 1 : blocks;
  const ends = scores + values + 2 * pipelineCycles;
  return {
    memory: loads * perState,
    matrix: Math.max(blocks * (scores + values), exposed * softmax + ends),
    vector: exposed * (softmax + finish),
    lastMatrix: ends + softmax,
    lastVector: finish + pipelineCycles,
    waits: true,
  };
}

/** Tokens whose scores fit in an accumulator bank, and their results in all. */
function blockOf({ accumulator }: Chip, shape: AttentionShape): number {
  const { sizeBytes, banks } = accumulator;
  const heads = shape.heads / shape.groups;
  const scores = Math.floor(sizeBytes / banks / (heads * shape.context * 4));
  return Math.min(shape.tokens, scores, Math.floor(sizeBytes / (heads * shape.valueWidth * 4)));
}

/** The chosen experts, each with as many rows; the others cost a few cycles a tile. */
function expertsCost(chip: Chip, shape: ExpertsShape): KernelCost {
  const { rows, experts, perRow, inputs, width, format } = shape;
  const chosen = shape.chosen ?? Math.min(experts, rows * perRow);
  const own = (rows * perRow) / chosen;
  const gate = productOf(chip, own, width, inputs, format);
  const down = productOf(chip, own, inputs, width, format);
  const hidden = tileOf(width, inputs, chip).tileRows;
  const sums = tileOf(inputs, width, chip).tileRows;
  const swiglu = stepCycles(chip, { op: 'swiglu', width, group: 32 }, own, hidden);
  const combine = stepCycles(chip, { op: 'combine', width, group: 0 }, own, sums);
  const skipped = (experts - chosen) * (2 * gate.tiles + down.tiles);
  const tileBytes = hidden * mxRowBytes(tileOf(width, inputs, chip).tileColumns, format);
  return {
    memory: chosen * (2 * gate.memory + down.memory),
    matrix: chosen * (2 * gate.matrix + down.matrix) + skipped * skippedTileCycles(chip, tileBytes),
    vector: chosen * ((width / hidden) * swiglu + (inputs / sums) * combine),
    lastMatrix: down.lastTile,
    lastVector: chip.matrix.pipelineCycles + combine,
    waits: true,
  };
}

/**
 * A tile that is skipped takes two dispatches, or its turn in the ring: its load waits for the product
 * that used the same bytes, which is empty but passes the pipeline.
 */
function skippedTileCycles(chip: Chip, tileBytes: number): number {
  const tiles = Math.max(1, Math.floor(regionsOf(chip)[1]!.sizeBytes / tileBytes));
  return Math.max(2, (chip.matrix.pipelineCycles + 2) / tiles);
}

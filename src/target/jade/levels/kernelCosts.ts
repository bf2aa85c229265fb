/**
 * What a kernel asks of memory channel, matrix unit and vector unit, in cycles: the number of each kind of
 * tile times the closed form of its instruction (machine.ts), without running anything.
 */
import { MX_BLOCK } from '../../../ir/index.ts';
import { tileOf } from '../tiles.ts';
import { rowsOfPiece } from '../schedule/stateRows.ts';
import { chunkOf } from '../schedule/linear.ts';
import { EMPTY_PRODUCT_CYCLES } from '../sim/matrixTiming.ts';
import { ADDRESS_CYCLES, EMPTY_LOAD_CYCLES } from '../sim/transferTiming.ts';
import {
  type AttentionShape,
  type ComposedShape,
  type EmbeddingShape,
  type ExpertsShape,
  type IndexerShape,
  type KernelShape,
  type LinearShape,
  type RowsShape,
} from './kernelShapes.ts';
import { type Machine } from './machine.ts';
import { type RepeatedStep } from './repeatedSteps.ts';
import { windowCost } from './windowCost.ts';

/** The cost of a kernel; on one chip after another, each written over that of the one before. */
export class KernelCost {
  /** Cycles each unit works. */
  memory = 0;
  matrix = 0;
  vector = 0;
  /** From the last byte on the chip to the last product, and from there to the last finished row. */
  lastMatrix = 0;
  lastVector = 0;
  /** To the last byte, where the ring is what loads wait for: from the last product before, and from the first. */
  behindLast = 0;
  behindFirst = 0;
  /** Whether its loads wait for results of this step: chosen experts, appended state. */
  waits = false;
  /** Whether its vector work runs beside the products of the kernel before. */
  joined = false;
  /** Whether its loads wait for the array: behind experts without rows, which it has to pass. */
  behind = false;
  private readonly product = new Product();
  /** Of an expert: its tiles, the bytes of one, and results finished together, hidden and in the sums. */
  private expertTiles = 0;
  private tileBytes = 0;
  private hidden = 0;
  private sums = 0;
  /** Cycles of adding the last of them. */
  private combine = 0;

  set(machine: Machine, shape: KernelShape): void {
    this.memory = 0;
    this.matrix = 0;
    this.lastMatrix = 0;
    this.waits = false;
    this.joined = false;
    this.behind = false;
    switch (shape.kind) {
      case 'linear':
        return this.linear(machine, shape);
      case 'rows':
        return this.rows(machine, shape);
      case 'composed':
        return this.composed(machine, shape);
      case 'embedding':
        return this.embedding(machine, shape);
      case 'attention':
        return this.attention(machine, shape);
      case 'indexer':
        return this.indexer(machine, shape);
      case 'window':
        Object.assign(this, windowCost(machine, shape), { waits: true });
        return;
      case 'experts':
        return this.experts(machine, shape);
    }
  }

  private linear(machine: Machine, shape: LinearShape): void {
    const { product } = this;
    const { rows, outputs, inputs, planes, steps } = shape;
    product.set(machine, rows, outputs, inputs, shape.blockBytes, machine.rings.stream);
    const { tileRows } = product;
    // A shortcut where whole tiles are whole units.
    const chunk =
      tileRows % shape.chunkUnit === 0 ? tileRows : chunkOf(shape.chunkUnit, tileRows, outputs);
    const whole = Math.floor(outputs / chunk);
    const rest = outputs - whole * chunk;
    const wholeCycles = machine.piece(steps, rows, chunk);
    const restCycles = rest > 0 ? machine.piece(steps, rows, rest) : 0;
    const last = rest > 0 ? restCycles : wholeCycles;
    this.memory = product.memory * planes * shape.weights;
    this.matrix = product.matrix * planes * shape.weights;
    this.vector = (whole * wholeCycles + restCycles) * planes;
    // No other chunk begins while one is finished.
    if (!machine.holdsTwo(shape.weights, rows * chunk * 4))
      this.matrix += this.vector + planes * whole * machine.chip.matrix.pipelineCycles;
    this.lastMatrix = product.lastTile;
    this.lastVector = machine.chip.matrix.pipelineCycles + last;
    const more = (product.tiles * planes * shape.weights - product.held) * product.pace;
    this.behindLast = more + product.turn - product.lastTile;
    this.behindFirst = more + product.turn - product.pace;
  }

  private rows(machine: Machine, { rows, steps }: RowsShape): void {
    this.vector = 0;
    for (let i = 0; i < steps.length; i++)
      this.vector += machine.vector(steps[i]!, rows, steps[i]!.width);
    this.lastVector = this.vector;
  }

  private composed(machine: Machine, { steps, stateBytes }: ComposedShape): void {
    this.memory = stateBytes > 0 ? machine.transfers(2, stateBytes) : 0;
    this.vector = this.repeated(machine, steps);
    this.lastVector = this.vector;
  }

  private repeated(machine: Machine, steps: readonly RepeatedStep[]): number {
    let cycles = 0;
    for (let i = 0; i < steps.length; i++) {
      const { step, rows, times } = steps[i]!;
      cycles += times * machine.vector(step, rows, step.width);
    }
    return cycles;
  }

  /** Token ids, then the rows they choose, then these rows as f32. */
  private embedding(machine: Machine, { rows, width, copy }: EmbeddingShape): void {
    this.memory = machine.transfers(rows, width * 2);
    this.vector = machine.vector(copy, rows, width);
    this.lastVector = this.vector + 2 * machine.chip.memory.latencyCycles;
  }

  /**
   * Tokens go in blocks whose scores fit in an accumulator bank, small ones when the state is one piece; a
   * block sees the positions before its end, here all the mean number of them. The softmax of one runs
   * beside the products of its neighbours, and of the query when joined with that.
   */
  private attention(machine: Machine, shape: AttentionShape): void {
    const { tokens, context, keyWidth, valueWidth, rowBytes, shared } = shape;
    const { pipelineCycles } = machine.chip.matrix;
    const piece = Math.min(context, rowsOfPiece(machine.chip, rowBytes));
    const isWhole = piece === context;
    const size = Math.min(blockOf(machine, shape), isWhole ? MX_BLOCK : tokens);
    const reach = Math.ceil((context - (tokens - size) / 2) / MX_BLOCK) * MX_BLOCK;
    const rows = (size * shape.heads) / shape.groups;
    const sequences = shape.sequences * shape.groups;
    const blocks = sequences * (tokens / size);
    const loads = (isWhole ? sequences : blocks) * (shared && isWhole ? 1 : 2);
    const blockBytes = (rowBytes / keyWidth) * MX_BLOCK;
    const scores = machine.scores(rows, reach, keyWidth, blockBytes, shared);
    const values = machine.values(rows, valueWidth, reach);
    const softmax = machine.vector(shape.softmax, rows, reach);
    const finish = machine.piece(shape.steps, rows, valueWidth);
    // Softmaxes that no product of the query hides.
    const joined = shape.joined && machine.holdsTwo(2, rows * reach * 4);
    const exposed = joined ? 1 : blocks;
    const ends = scores + values + 2 * pipelineCycles;
    this.memory = loads * machine.transfers(context / piece, piece * rowBytes);
    this.matrix = Math.max(blocks * (scores + values), exposed * softmax + ends);
    this.vector = blocks * (softmax + finish);
    this.lastMatrix = ends + softmax;
    this.lastVector = finish + pipelineCycles;
    this.waits = true;
    this.joined = joined;
  }

  /** Heads wait for one another: no product begins before the scores of the tokens before are chosen from. */
  private indexer(machine: Machine, shape: IndexerShape): void {
    const { sequences, tokens, context, heads, keyWidth, rowBytes } = shape;
    const rows = tokens * heads;
    const blockBytes = (rowBytes / keyWidth) * MX_BLOCK;
    const scores = machine.scores(rows, context, keyWidth, blockBytes, false);
    const choice =
      machine.vector(shape.max, rows, context) +
      machine.vector(shape.mix, tokens, context) +
      this.repeated(machine, shape.choice);
    this.memory = sequences * machine.transfers(1, context * rowBytes);
    this.matrix = sequences * scores;
    this.vector = sequences * choice;
    this.lastMatrix = scores;
    this.lastVector = machine.chip.matrix.pipelineCycles + choice;
    this.waits = true;
  }

  /** The experts that have rows; the others cost a few cycles a tile. */
  private experts(machine: Machine, shape: ExpertsShape): void {
    let skipped = shape.experts;
    this.vector = 0;
    for (let i = 0; i < shape.loads.length; i++) {
      const { experts, rows } = shape.loads[i]!;
      this.expert(machine, shape, rows, experts);
      skipped -= experts;
    }
    if (skipped > 0) this.skippedExperts(machine, shape, skipped);
    this.waits = true;
  }

  /** Adds so many experts with `rows` rows each. */
  private expert(machine: Machine, shape: ExpertsShape, rows: number, count: number): void {
    const { product } = this;
    const { inputs, width, blockBytes } = shape;
    product.set(machine, rows, width, inputs, blockBytes, machine.rings.context);
    this.hidden = product.tileRows;
    this.tileBytes = this.hidden * (product.tileColumns / MX_BLOCK) * blockBytes;
    const memory = 2 * product.memory;
    const matrix = 2 * product.matrix;
    const tiles = 2 * product.tiles;
    product.set(machine, rows, inputs, width, blockBytes, machine.rings.context);
    this.sums = product.tileRows;
    this.expertTiles = tiles + product.tiles;
    this.memory += count * (memory + product.memory);
    this.matrix += count * (matrix + product.matrix);
    this.vector += count * this.expertVector(machine, shape, rows);
    if (!machine.holdsTwo(2, rows * this.hidden * 4)) {
      const { pipelineCycles } = machine.chip.matrix;
      const swiglu = machine.vector(shape.swiglu, rows, this.hidden);
      this.matrix += count * (shape.width / this.hidden) * (swiglu + pipelineCycles);
    }
    this.lastMatrix = product.lastTile;
    this.lastVector = machine.chip.matrix.pipelineCycles + this.combine;
  }

  /** Cycles of the vector unit for an expert. */
  private expertVector(machine: Machine, shape: ExpertsShape, rows: number): number {
    const { hidden, sums } = this;
    const swiglu = machine.vector(shape.swiglu, rows, hidden);
    this.combine = machine.vector(shape.combine, rows, sums);
    return (shape.width / hidden) * swiglu + (shape.inputs / sums) * this.combine;
  }

  /** Adds so many experts without rows, which nothing else runs beside: the slower unit sets their pace. */
  private skippedExperts(machine: Machine, shape: ExpertsShape, count: number): void {
    const tile = skippedTileCycles(machine, this.tileBytes);
    const vector = this.expertVector(machine, shape, 0);
    const cycles = Math.max(this.expertTiles * tile, vector);
    this.vector += count * vector;
    this.matrix += count * cycles;
    // Loads are ahead by the ring: behind more tiles than that the channel waits for the last product and
    // for all of them, and starts again.
    const runs = shape.experts - count;
    const ahead = (tilesAhead(machine, this.tileBytes) - 1) / this.expertTiles;
    const waited = count / runs - ahead;
    if (waited <= 0) return;
    const { memory, matrix } = machine.chip;
    const start = this.lastMatrix + matrix.pipelineCycles + memory.latencyCycles;
    this.memory += runs * (waited * cycles + start);
    this.behind = true;
  }
}

/** rows × inputs times outputs × inputs, tile by tile. */
class Product {
  /** Cycles of loading all weights, of multiplying with them, and of the last tile's products. */
  memory = 0;
  matrix = 0;
  lastTile = 0;
  tiles = 0;
  tileRows = 0;
  tileColumns = 0;
  /** Whole tiles that the ring holds, and cycles from one load to the next, also of the same bytes. */
  held = 0;
  pace = 0;
  turn = 0;
  private ringBytes = 0;

  /** `ringBytes`: of the ring that the tiles pass. */
  set(
    machine: Machine,
    rows: number,
    outputs: number,
    inputs: number,
    blockBytes: number,
    ringBytes: number,
  ): void {
    this.ringBytes = ringBytes;
    const { tileRows, tileColumns } = tileOf(outputs, inputs, machine.chip);
    const down = Math.floor(outputs / tileRows);
    const across = Math.floor(inputs / tileColumns);
    const lowRows = outputs - down * tileRows;
    const lowColumns = inputs - across * tileColumns;
    this.tileRows = tileRows;
    this.tileColumns = tileColumns;
    this.memory = 0;
    this.matrix = 0;
    this.tiles = 0;
    this.add(machine, down * across, rows, tileRows, tileColumns, blockBytes);
    this.held = machine.tilesIn(ringBytes);
    this.pace = machine.tilePace(this.held);
    this.turn = machine.tileTurn;
    if (lowColumns > 0) this.add(machine, down, rows, tileRows, lowColumns, blockBytes);
    if (lowRows === 0) return;
    this.add(machine, across, rows, lowRows, tileColumns, blockBytes);
    if (lowColumns > 0) this.add(machine, 1, rows, lowRows, lowColumns, blockBytes);
  }

  /** So many tiles of height × width. */
  private add(
    machine: Machine,
    count: number,
    rows: number,
    height: number,
    width: number,
    blockBytes: number,
  ): void {
    machine.setTile(rows, height, width, blockBytes);
    this.memory += count * machine.tilePace(machine.tilesIn(this.ringBytes));
    this.matrix += count * machine.tileProduct;
    this.lastTile = machine.tileProduct;
    this.tiles += count;
  }
}

/** Tokens whose scores fit in an accumulator bank, and their results in all. */
function blockOf({ chip }: Machine, shape: AttentionShape): number {
  const { sizeBytes, banks } = chip.accumulator;
  const heads = shape.heads / shape.groups;
  const scores = Math.floor(sizeBytes / banks / (heads * shape.context * 4));
  return Math.min(shape.tokens, scores, Math.floor(sizeBytes / (heads * shape.valueWidth * 4)));
}

/**
 * A tile that is skipped holds the loader of the matrix unit for an empty product, which reads its count,
 * or takes its turn in the ring: its load waits for the product that used the same bytes to pass the
 * pipeline.
 */
function skippedTileCycles(machine: Machine, tileBytes: number): number {
  const { chip } = machine;
  const tiles = tilesAhead(machine, tileBytes);
  const product = EMPTY_PRODUCT_CYCLES + chip.matrix.pipelineCycles;
  const turn = (ADDRESS_CYCLES + EMPTY_LOAD_CYCLES + product) / tiles;
  return Math.max(EMPTY_PRODUCT_CYCLES + 1, turn);
}

/** Tiles that the ring of chosen experts holds. */
function tilesAhead({ rings }: Machine, tileBytes: number): number {
  return Math.max(1, Math.floor(rings.context / tileBytes));
}

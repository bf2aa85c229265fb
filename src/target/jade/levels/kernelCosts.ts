/**
 * What a kernel asks of memory channel, matrix unit and vector unit, in cycles: the number of each kind of
 * tile times the closed form of its instruction (machine.ts), without running anything.
 */
import { MX_BLOCK } from '../../../ir/index.ts';
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
import { Product } from './product.ts';
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
  /** Of memory, what the ring of context takes before the first product. */
  early = 0;
  /** Whether its vector work runs beside the products of the kernel before. */
  joined = false;
  /** Whether its loads wait for the array: behind experts without rows, which it has to pass. */
  behind = false;
  /** Chunks of a linear, blocks of attention; of a block all products, scores, softmax, and whether that stops others. */
  private parts = 1;
  private block = 0;
  private scores = 0;
  private softmax = 0;
  private keepsBank = false;
  private readonly product = new Product();
  /** Of an expert: its tiles, the bytes of one, and results finished together, hidden and in the sums. */
  private expertTiles = 0;
  private downTiles = 0;
  private tileBytes = 0;
  private hidden = 0;
  private sums = 0;
  /** Cycles of its last products, of its gates, and of those of the expert before. */
  private down = 0;
  private gated = 0;
  private gates = 0;
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
        this.early = this.memory;
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
    this.parts = Math.ceil(outputs / chunk);
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
    const ends = scores + values + 2 * pipelineCycles;
    this.memory = loads * machine.transfers(context / piece, piece * rowBytes);
    this.parts = blocks;
    this.block = scores + values;
    this.scores = scores;
    this.softmax = softmax;
    this.keepsBank = !machine.holdsTwo(2, rows * reach * 4);
    const ahead = machine.rings.context / machine.chip.memory.bytesPerCycle;
    this.early = Math.min(this.memory, ahead);
    this.matrix = blocks * this.block;
    // No product of a query hides the softmaxes.
    if (!shape.joined) this.matrix = Math.max(this.matrix, blocks * softmax + ends);
    this.vector = blocks * (softmax + finish);
    this.lastMatrix = ends + softmax;
    this.lastVector = finish + pipelineCycles;
    this.waits = true;
    this.joined = shape.joined;
  }

  /**
   * Cycles of the array from the start of the query on, for a query and the attention joined with it: each
   * chunk of the query is followed by the heads of the chunk before.
   */
  withQuery(query: KernelCost): number {
    const chunks = Math.min(query.parts, this.parts);
    const heads = this.parts / chunks;
    let wait = 0;
    // Values of all heads but the last wait for a softmax, and that of the first for the chunk's norms.
    if (heads > 1) {
      const norms = query.lastVector + this.softmax - this.block - this.scores;
      wait = Math.max(0, norms) + (heads - 2) * Math.max(0, this.softmax - this.block);
    }
    // While a softmax keeps one of few banks busy, the others take the products of a chunk.
    if (this.keepsBank) wait += Math.max(0, this.softmax - query.matrix / query.parts);
    return query.matrix + this.matrix + (chunks - 1) * wait;
  }

  /**
   * From the first keys on the chip to the last values: what comes after two chunks of the query. Behind
   * keys that come late the norms of the next chunk go first, and its softmax.
   */
  afterState(query: KernelCost): number {
    const chunks = Math.min(query.parts, this.parts);
    const before = (query.matrix * Math.min(2, chunks)) / chunks + this.block;
    const norms = chunks > 1 ? query.lastVector + this.softmax : 0;
    return this.withQuery(query) - before + norms + this.lastMatrix;
  }

  /**
   * When the last values end, of a query whose products end at `array` and whose last chunk is finished at
   * `ready`: the heads of two chunks are left.
   */
  afterQuery(query: KernelCost, array: number, ready: number): number {
    const last = this.parts / Math.min(query.parts, this.parts);
    const before = query.parts < 2 * this.parts ? Math.min(last, this.parts - last) : 0;
    const start = Math.max(array + before * this.block, ready + before * this.softmax);
    return start + (last - 1) * Math.max(this.block, this.softmax) + this.lastMatrix;
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
    if (skipped > 0) {
      this.skippedExperts(machine, shape, skipped);
      this.runs(machine, shape, skipped);
    }
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
    this.downTiles = product.tiles;
    this.down = product.matrix;
    this.expertTiles = tiles + product.tiles;
    this.memory += count * (memory + product.memory);
    this.matrix += count * (matrix + product.matrix);
    this.vector += count * this.expertVector(machine, shape, rows);
    this.gates = this.gated;
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
    this.gated = (shape.width / hidden) * swiglu;
    return this.gated + (shape.inputs / sums) * this.combine;
  }

  /**
   * Adds what the last expert of each run of neighbours with rows waits for: no products of a next one hide
   * its gates. Loads that are skipped complete in order and count as in flight, so that behind them the
   * channel stands still until the next comes.
   */
  private runs(machine: Machine, { runs, experts }: ExpertsShape, skipped: number): void {
    const { matrix } = machine.chip;
    const alone = runs === experts - skipped;
    const hidden = alone ? 0 : this.down;
    this.matrix += runs * Math.max(0, this.gates + matrix.pipelineCycles - hidden);
    const gateTiles = this.expertTiles - this.downTiles;
    const rest = skipped / runs;
    const behind = (rest - 1) * this.expertTiles + this.downTiles + gateTiles;
    this.memory += runs * (machine.gapBehind(gateTiles) + machine.gapBehind(behind));
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
    const { runs } = shape;
    const ahead = (tilesAhead(machine, this.tileBytes) - 1) / this.expertTiles;
    const waited = count / runs - ahead;
    if (waited <= 0) return;
    const { memory, matrix } = machine.chip;
    const start = this.lastMatrix + matrix.pipelineCycles + memory.latencyCycles;
    this.memory += runs * (waited * cycles + start);
    this.behind = true;
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

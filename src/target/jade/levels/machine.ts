/** A chip as the closed form asks it: cycles of one transfer, product or vector operation. */
import type { Chip } from '../../../chip/index.ts';
import { MX_BLOCK } from '../../../ir/index.ts';
import { ringBytes, type LargestBuffers, type ValueBytes } from '../schedule/regions.ts';
import { MatmulPhases, packedBlocks } from '../sim/matrixTiming.ts';
import { LOAD_COMMAND_CYCLES, rowBeats } from '../sim/transferTiming.ts';
import { formCycles, vectorUnit, type VectorUnit } from '../vector/cycles.ts';
import type { VectorStep } from './vectorSteps.ts';

export class Machine {
  readonly chip: Chip;
  /** Bytes of the rings of weights and of context. */
  readonly rings: LargestBuffers;
  /** Cycles of the transfers that run ahead: a full ring of weights. */
  readonly ahead: number;
  /** Of a tile of weights: cycles on the channel, and from one product with such a tile to the next. */
  tileBeats = 0;
  tileProduct = 0;
  /** From a load of a tile to the next one of the same bytes, which waits for the product. */
  tileTurn = 0;
  /** The tile: rows it is multiplied with, outputs, inputs, bytes of a block. */
  private rows = 0;
  private height = 0;
  private width = 0;
  private blockBytes = 0;
  tileBytes = 0;
  private readonly unit: VectorUnit;
  private readonly phases = new MatmulPhases();

  /** In a step with rings for buffers of `largest` bytes, beside so many of values. */
  constructor(chip: Chip, largest: LargestBuffers, values: ValueBytes) {
    this.chip = chip;
    this.unit = vectorUnit(chip);
    this.rings = ringBytes(chip, largest, values);
    this.ahead = this.rings.stream / chip.memory.bytesPerCycle;
  }

  /** Cycles of `count` transfers of `bytes` each. */
  transfers(count: number, bytes: number): number {
    return count * rowBeats(bytes, this.chip);
  }

  /** Cycles of a step on `rows` rows of `columns` channels. */
  vector(step: VectorStep, rows: number, columns: number): number {
    const { unit } = this;
    if (unit.lanes >= step.lanes) return formCycles(step.alone, columns, rows, unit);
    let cycles = 0;
    for (const form of step.copied) cycles += formCycles(form, columns, rows, unit);
    return cycles;
  }

  /** Cycles of the steps on a piece of rows × channels, split in rows of each step's width. */
  piece(steps: readonly VectorStep[], rows: number, channels: number): number {
    let cycles = 0;
    for (let i = 0; i < steps.length; i++) cycles += this.step(steps[i]!, rows, channels);
    return cycles;
  }

  /** Cycles of a step on such a piece. */
  step(step: VectorStep, rows: number, channels: number): number {
    const { width } = step;
    return width < channels
      ? this.vector(step, (rows * channels) / width, width)
      : this.vector(step, rows, channels);
  }

  /** How many sets of `buffers` of so many bytes have banks of their own; 1 where not even two have. */
  setsApart(buffers: number, bytes: number): number {
    const { sizeBytes, banks } = this.chip.accumulator;
    return Math.max(1, Math.floor(banks / (buffers * Math.ceil((bytes * banks) / sizeBytes))));
  }

  /** Whether a set of `buffers` that are larger than a bank leaves no room for another. */
  takesMost(buffers: number, bytes: number): boolean {
    const { sizeBytes, banks } = this.chip.accumulator;
    return bytes > sizeBytes / banks && this.setsApart(buffers, bytes) === 1;
  }

  /** How many sets of `buffers` of so many bytes the accumulators hold. */
  setsHeld(buffers: number, bytes: number): number {
    const { sizeBytes, banks } = this.chip.accumulator;
    const inBank = Math.floor(sizeBytes / banks / bytes);
    return inBank > 1 ? Math.floor((banks * inBank) / buffers) : this.setsApart(buffers, bytes);
  }

  /** Sets `tileBeats` and `tileProduct`; most products of a step have the tile of the one before. */
  setTile(rows: number, height: number, width: number, blockBytes: number): void {
    const isSame = rows === this.rows && height === this.height && width === this.width;
    if (isSame && blockBytes === this.blockBytes) return;
    this.rows = rows;
    this.height = height;
    this.width = width;
    this.blockBytes = blockBytes;
    const { matrix } = this.chip;
    this.tileBytes = height * (width / MX_BLOCK) * blockBytes;
    this.tileBeats = rowBeats(this.tileBytes, this.chip);
    this.tileProduct = this.multiply(rows, height, width, packedBlocks(blockBytes, matrix));
    this.tileTurn = this.loadCycles + this.tileProduct + matrix.pipelineCycles;
  }

  /** From the start of a load of a tile to its end. */
  private get loadCycles(): number {
    return LOAD_COMMAND_CYCLES + this.chip.memory.latencyCycles + this.tileBeats;
  }

  /** How many such tiles a ring holds. */
  tilesIn(ringBytes: number): number {
    return Math.max(1, Math.floor(ringBytes / this.tileBytes));
  }

  /**
   * Cycles from one load of such a tile to the next: on the channel, or as long as few loads in flight
   * hide the latency, or few tiles in the ring: a load waits for the product that used its bytes.
   */
  tilePace(tiles: number): number {
    return Math.max(this.tileLoad, this.tileTurn / tiles);
  }

  /** The same where the ring is large. */
  get tileLoad(): number {
    return Math.max(this.tileBeats, this.loadCycles / this.chip.dma.outstandingLoads);
  }

  /** Cycles in which the channel stands still between such tiles, where so many loads between them are skipped. */
  gapBehind(skipped: number): number {
    const { dma, memory } = this.chip;
    const more = dma.outstandingLoads - 1 - skipped;
    const start = LOAD_COMMAND_CYCLES + memory.latencyCycles;
    return Math.max(0, start - Math.max(0, more) * this.tileBeats + Math.max(0, -more));
  }

  /** With keys as weights: packed by blocks, or one block a cycle where they are rows. */
  scores(rows: number, columns: number, k: number, blockBytes: number, areRows: boolean): number {
    const blocks = areRows ? 1 : packedBlocks(blockBytes, this.chip.matrix);
    return this.multiply(rows, columns, k, blocks);
  }

  /** With values as weights: transposed. */
  values(rows: number, columns: number, k: number): number {
    return this.multiply(rows, columns, k, 0);
  }

  private multiply(rows: number, columns: number, k: number, blocksPerCycle: number): number {
    const { phases } = this;
    phases.set(columns, k, rows, blocksPerCycle, this.chip.matrix);
    // The next starts when the last pass has begun, and asks for its own weights first.
    return phases.lastPass + Math.max(phases.occupied, 1 + phases.firstPass);
  }
}

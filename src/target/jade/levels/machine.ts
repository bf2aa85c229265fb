/** A chip as the closed form asks it: cycles of one transfer, product or vector operation. */
import { type Chip } from '../../../chip/index.ts';
import { MX_BLOCK } from '../../../ir/index.ts';
import { leastRingBytes, type LargestBuffers } from '../schedule/regions.ts';
import { MatmulPhases, packedBlocks } from '../sim/matrixTiming.ts';
import { LOAD_COMMAND_CYCLES, rowBeats } from '../sim/transferTiming.ts';
import { formCycles, vectorUnit, type VectorUnit } from '../vector/cycles.ts';
import { type VectorStep } from './vectorSteps.ts';

export class Machine {
  readonly chip: Chip;
  /** Bytes of the rings of weights and of context, beside the least of values. */
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
  private tileBytes = 0;
  private readonly unit: VectorUnit;
  private readonly phases = new MatmulPhases();

  /** In a step with rings for buffers of `largest` bytes. */
  constructor(chip: Chip, largest: LargestBuffers) {
    this.chip = chip;
    this.unit = vectorUnit(chip);
    this.rings = leastRingBytes(chip, largest);
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
    for (let i = 0; i < steps.length; i++) {
      const { width } = steps[i]!;
      cycles +=
        width < channels
          ? this.vector(steps[i]!, (rows * channels) / width, width)
          : this.vector(steps[i]!, rows, channels);
    }
    return cycles;
  }

  /** Whether accumulators hold two sets of `buffers` of so many bytes, each in banks of its own. */
  holdsTwo(buffers: number, bytes: number): boolean {
    const { sizeBytes, banks } = this.chip.accumulator;
    return 2 * buffers * Math.ceil((bytes * banks) / sizeBytes) <= banks;
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
    const { outstandingLoads } = this.chip.dma;
    return Math.max(this.tileBeats, this.loadCycles / outstandingLoads, this.tileTurn / tiles);
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

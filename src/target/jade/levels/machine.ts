/** A chip as the closed form asks it: cycles of one transfer, product or vector operation. */
import { type Chip } from '../../../chip/index.ts';
import { MatmulPhases, packedBlocks } from '../sim/matrixTiming.ts';
import { rowBeats } from '../sim/transferTiming.ts';
import { formCycles } from '../vector/cycles.ts';
import { type VectorStep } from './vectorSteps.ts';

export class Machine {
  readonly chip: Chip;
  /** Bytes of the rings of weights and of context, as regionsOf has them, without its objects. */
  readonly streamBytes: number;
  readonly contextBytes: number;
  /** Cycles of the transfers that run ahead: a full ring of weights. */
  readonly ahead: number;
  private readonly phases = new MatmulPhases();

  constructor(chip: Chip) {
    this.chip = chip;
    const { sizeBytes, banks } = chip.scratchpad;
    this.contextBytes = (Math.floor(banks / 4) * sizeBytes) / banks;
    this.streamBytes = sizeBytes - 3 * this.contextBytes;
    this.ahead = this.streamBytes / chip.memory.bytesPerCycle;
  }

  /** Cycles of `count` transfers of `bytes` each. */
  transfers(count: number, bytes: number): number {
    return count * rowBeats(bytes, this.chip);
  }

  /** Cycles of a step on `rows` rows of `columns` channels. */
  vector(step: VectorStep, rows: number, columns: number): number {
    const { lanes, operationCycles } = this.chip.vector;
    if (lanes >= step.lanes) return formCycles(step.alone, columns, rows, lanes, operationCycles);
    let cycles = 0;
    for (const form of step.copied)
      cycles += formCycles(form, columns, rows, lanes, operationCycles);
    return cycles;
  }

  /** Cycles of the steps on a piece of rows × channels, split in rows of each step's width. */
  piece(steps: readonly VectorStep[], rows: number, channels: number): number {
    let cycles = 0;
    for (let i = 0; i < steps.length; i++) {
      const columns = Math.min(steps[i]!.width, channels);
      cycles += this.vector(steps[i]!, (rows * channels) / columns, columns);
    }
    return cycles;
  }

  /** Cycles from one product to the next, whose weights are packed in blocks of so many bytes. */
  product(rows: number, columns: number, k: number, blockBytes: number): number {
    return this.multiply(rows, columns, k, packedBlocks(blockBytes, this.chip.matrix));
  }

  /** With weights that are rows of a state: one block a cycle, or transposed. */
  stateProduct(rows: number, columns: number, k: number, transposed: boolean): number {
    return this.multiply(rows, columns, k, transposed ? 0 : 1);
  }

  private multiply(rows: number, columns: number, k: number, blocksPerCycle: number): number {
    const { phases } = this;
    phases.set(columns, k, rows, blocksPerCycle, this.chip.matrix);
    // The next starts when the last pass has begun, and asks for its own weights first.
    return phases.lastPass + Math.max(phases.occupied, 1 + phases.firstPass);
  }
}

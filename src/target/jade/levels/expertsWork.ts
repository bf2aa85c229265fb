/** Experts: those that have rows, in runs of neighbours; the others cost a few cycles a tile. */
import { MX_BLOCK } from '../../../ir/index.ts';
import { EMPTY_PRODUCT_CYCLES } from '../sim/matrixTiming.ts';
import { ADDRESS_CYCLES, EMPTY_LOAD_CYCLES } from '../sim/transferTiming.ts';
import { ExpertRuns, type ExpertChunk } from './expertRuns.ts';
import type { ExpertsShape } from './kernelShapes.ts';
import type { Machine } from './machine.ts';
import { Product } from './product.ts';
import type { VectorStep } from './vectorSteps.ts';
import type { UnitCycles } from './unitCycles.ts';

export class ExpertsWork {
  private readonly product = new Product();
  private readonly runs = new ExpertRuns();

  set(cost: UnitCycles, machine: Machine, shape: ExpertsShape): void {
    const { loads } = shape;
    let chosen = 0;
    for (let i = 0; i < loads.length; i++) chosen += loads[i]!.experts;
    const runs = Math.min(shape.runs, chosen);
    const skipped = Math.max(0, shape.experts - chosen);
    cost.memory = 0;
    cost.matrix = 0;
    cost.vector = 0;
    cost.afterLoads = 0;
    for (let i = 0; i < loads.length; i++)
      this.add(cost, machine, shape, i, (runs * loads[i]!.experts) / chosen, skipped / runs);
    cost.waits = true;
    const { rings, chip } = machine;
    cost.waitsForRoom = cost.memory * chip.memory.bytesPerCycle > rings.context;
  }

  /** Adds the experts of one load, in so many runs, behind each of which so many have no rows. */
  private add(
    cost: UnitCycles,
    machine: Machine,
    shape: ExpertsShape,
    load: number,
    runs: number,
    skipped: number,
  ): void {
    const { chip, rings } = machine;
    const { experts, rows } = shape.loads[load]!;
    const gate = this.chunkOf(machine, shape, shape.width, shape.inputs, shape.swiglu, rows);
    const down = this.chunkOf(machine, shape, shape.inputs, shape.width, shape.combine, rows);
    const gates = 2 * gate.count;
    const vector = gate.count * gate.vector + down.count * down.vector;
    const none = gate.count * gate.skipped + down.count * down.skipped;
    const tiles = gates * gate.tiles + down.count * down.tiles;
    const tile = skippedTileCycles(machine, gate.weightBytes / gate.tiles);
    const gap = skipped > 0 ? machine.gapBehind(gates * gate.tiles) : 0;
    const nextGap = skipped > 0 ? machine.gapBehind(skipped * tiles) : 0;
    const all = { gate, down, skipped: { experts: skipped, tile, gap, nextGap } };
    cost.memory +=
      experts * (gates * gate.loads + down.count * down.loads) + runs * (gap + nextGap);
    cost.matrix += experts * (gates * gate.products + down.count * down.products);
    cost.vector += experts * vector + runs * skipped * none;
    cost.afterLoads += this.runs.cycles(chip, rings.context, all, experts / runs, runs);
    // The first tile may be there already.
    cost.array = cost.afterLoads - gate.loads / gate.tiles;
    cost.toVector = 2 * gate.products + chip.matrix.pipelineCycles;
    cost.arrayAfterVector = cost.array - cost.toVector;
    cost.lastMatrix = this.product.lastTile;
    cost.lastVector = chip.matrix.pipelineCycles + down.vector;
  }

  /** Outputs of one weight that are finished together. */
  private chunkOf(
    machine: Machine,
    { blockBytes }: ExpertsShape,
    outputs: number,
    inputs: number,
    step: VectorStep,
    rows: number,
  ): ExpertChunk {
    const { product } = this;
    product.set(machine, rows, outputs, inputs, blockBytes, machine.rings.context);
    const { tileRows } = product;
    const count = Math.ceil(outputs / tileRows);
    const part = outputs / tileRows / count;
    return {
      ...{ count, tiles: product.tiles / count },
      ...{ products: product.matrix / count, loads: product.memory / count },
      vector: part * machine.vector(step, rows, tileRows),
      skipped: part * machine.vector(step, 0, tileRows),
      weightBytes: ((outputs * inputs) / MX_BLOCK / count) * blockBytes,
      sumBytes: rows * tileRows * 4,
    };
  }
}

/**
 * A tile that is skipped holds the loader of the matrix unit for an empty product, which reads its count,
 * or takes its turn in the ring: its load waits for the product that used the same bytes to pass the
 * pipeline.
 */
function skippedTileCycles({ chip, rings }: Machine, tileBytes: number): number {
  const tiles = Math.max(1, Math.floor(rings.context / tileBytes));
  const product = EMPTY_PRODUCT_CYCLES + chip.matrix.pipelineCycles;
  const turn = (ADDRESS_CYCLES + EMPTY_LOAD_CYCLES + product) / tiles;
  return Math.max(EMPTY_PRODUCT_CYCLES + 1, turn);
}

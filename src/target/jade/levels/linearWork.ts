/** A linear: chunks of its outputs, each finished by the vector unit beside products of the next. */
import { chunkOf } from '../schedule/linear.ts';
import { AccumulatorBanks } from './accumulatorBanks.ts';
import type { LinearShape } from './kernelShapes.ts';
import type { Machine } from './machine.ts';
import { Product } from './product.ts';
import { NEVER, type UnitCycles } from './unitCycles.ts';

/** Chunks that show the pace, an even number of them. */
const CHUNKS = 8;

export class LinearWork {
  /** How many chunks; of one cycles of products, of loads, and of each step of the vector unit, and bytes of sums. */
  chunks = 1;
  products = 0;
  loads = 0;
  readonly steps: number[] = [];
  sumBytes = 0;
  /** Of a chunk: cycles of the vector unit in all, and tiles of each weight. */
  private finish = 0;
  private tiles = 1;
  private readonly product = new Product();
  private readonly banks = new AccumulatorBanks();

  set(cost: UnitCycles, machine: Machine, shape: LinearShape): void {
    const { product } = this;
    const { rows, outputs, inputs, planes, steps, weights } = shape;
    const { pipelineCycles } = machine.chip.matrix;
    product.set(machine, rows, outputs, inputs, shape.blockBytes, machine.rings.stream);
    const { tileRows } = product;
    // A shortcut where whole tiles are whole units.
    const chunk =
      tileRows % shape.chunkUnit === 0 ? tileRows : chunkOf(shape.chunkUnit, tileRows, outputs);
    const whole = Math.floor(outputs / chunk);
    const rest = outputs - whole * chunk;
    const wholeCycles = machine.piece(steps, rows, chunk);
    const restCycles = rest > 0 ? machine.piece(steps, rows, rest) : 0;
    cost.memory = product.memory * planes * weights;
    cost.matrix = product.matrix * planes * weights;
    cost.vector = (whole * wholeCycles + restCycles) * planes;
    this.chunks = Math.ceil(outputs / chunk) * planes;
    this.products = cost.matrix / this.chunks;
    this.loads = cost.memory / this.chunks;
    this.finish = cost.vector / this.chunks;
    this.tiles = Math.max(1, Math.round((product.tiles * planes) / this.chunks));
    this.sumBytes = rows * chunk * 4;
    for (let i = 0; i < steps.length; i++) this.steps[i] = machine.step(steps[i]!, rows, chunk);
    cost.toVector = this.products + pipelineCycles;
    cost.lastMatrix = product.lastTile;
    cost.lastVector = pipelineCycles + (rest > 0 ? restCycles : wholeCycles);
    const apart = machine.setsApart(weights, this.sumBytes);
    if (apart > 1 || this.chunks === 1) this.apart(cost, machine, apart);
    else this.inTurn(cost, machine, weights);
    cost.arrayAfterVector = this.afterVector(cost, machine, weights);
    const more = cost.memory - product.held * product.pace;
    cost.behindLast = more + product.turn - product.lastTile;
    cost.behindFirst = more + product.turn - product.pace;
  }

  /** Products run ahead of the vector unit by as many chunks as have banks of their own. */
  private apart(cost: UnitCycles, machine: Machine, apart: number): void {
    const { chunks, products, finish } = this;
    const turn = products + machine.chip.matrix.pipelineCycles + finish;
    const pace = Math.max(products, turn / apart);
    cost.array = products + (chunks - 1) * pace;
    if (chunks > apart)
      cost.array = Math.max(cost.array, turn + (chunks - 1 - apart) * finish + products);
  }

  /** The sums of a chunk are in all banks: the array and the vector unit keep each other waiting. */
  private inTurn(cost: UnitCycles, machine: Machine, weights: number): void {
    const { chunks, banks } = this;
    const few = Math.min(chunks, CHUNKS);
    this.run(machine, weights, few);
    let { array, vector } = banks;
    if (chunks > few) {
      this.run(machine, weights, few / 2);
      const times = (chunks - few) / (few / 2);
      array += (array - banks.array) * times;
      vector += (vector - banks.vector) * times;
    }
    cost.array = Math.max(array, cost.matrix);
    cost.lastVector = Math.max(cost.lastVector, vector - array);
  }

  /**
   * While the vector unit does something else products run ahead by as many chunks as the accumulators hold; by
   * none where the sums of one leave no room for those of the kernel before.
   */
  private afterVector(cost: UnitCycles, machine: Machine, weights: number): number {
    const { chunks, products, finish, sumBytes } = this;
    if (machine.takesMost(weights, sumBytes)) return cost.array;
    const left = chunks - machine.setsHeld(weights, sumBytes);
    if (left <= 0) return NEVER;
    return products + finish + (left - 1) * Math.max(cost.array / chunks, finish);
  }

  private run(machine: Machine, weights: number, chunks: number): void {
    const { banks, product, products, tiles } = this;
    const ring = machine.rings.stream;
    const cycles = products / weights / tiles;
    banks.reset(machine.chip, ring);
    for (let i = 0; i < chunks; i++) {
      for (let tile = 0; tile < weights * tiles; tile++) {
        if (tile % tiles === 0) banks.product(cycles, this.sumBytes);
        else banks.more(cycles);
        banks.load(product.load, 1, product.tileBytes);
      }
      banks.work(this.finish, weights);
    }
    banks.run(-machine.ahead);
  }
}

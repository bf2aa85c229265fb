/**
 * Experts with rows on channel, array and vector unit: in runs of neighbours, the gates of one beside the products
 * of the next, and behind each run those without rows, which every unit passes in order.
 */
import type { Chip } from '../../../chip/index.ts';
import { AccumulatorBanks } from './accumulatorBanks.ts';

/** Outputs of one weight of an expert that are finished together, and how many times. */
export interface ExpertChunk {
  readonly count: number;
  readonly tiles: number;
  /** Cycles of products, of their loads, and of the vector unit with its rows and without any. */
  readonly products: number;
  readonly loads: number;
  readonly vector: number;
  readonly skipped: number;
  readonly weightBytes: number;
  readonly sumBytes: number;
}

export interface ExpertCost {
  readonly gate: ExpertChunk;
  readonly down: ExpertChunk;
  readonly skipped: {
    /** Without rows behind a run: a mean, a part of an expert takes that part of its time. */
    readonly experts: number;
    /** Cycles of a tile. */
    readonly tile: number;
    /** Cycles that the channel stands still before the last products of the run, and before the next run. */
    readonly gap: number;
    readonly nextGap: number;
  };
}

/** Experts without rows whose work is looked at; of more, the rest pass as one. */
const SKIPPED = 2;
/** Neighbours that show the pace. */
const FEW = 2;
const MOST = 4;

export class ExpertRuns {
  private readonly banks = new AccumulatorBanks();

  /** Cycles of the array from the first load on, for runs of so many neighbours, which may be a mean. */
  cycles(chip: Chip, ring: number, cost: ExpertCost, experts: number, runs: number): number {
    const one = this.neighbours(chip, ring, cost, experts, 1);
    if (runs <= 1) return one;
    return one + (runs - 1) * (this.neighbours(chip, ring, cost, experts, 2) - one);
  }

  private neighbours(
    chip: Chip,
    ring: number,
    cost: ExpertCost,
    experts: number,
    runs: number,
  ): number {
    const low = Math.max(1, Math.min(MOST, Math.floor(experts)));
    const few = this.ofRuns(chip, ring, cost, low, runs);
    if (experts <= low) return few;
    const other = low === MOST ? FEW : low + 1;
    const more = this.ofRuns(chip, ring, cost, other, runs);
    return few + ((experts - low) * (more - few)) / (other - low);
  }

  private ofRuns(
    chip: Chip,
    ring: number,
    cost: ExpertCost,
    experts: number,
    runs: number,
  ): number {
    this.banks.reset(chip, ring);
    for (let i = 0; i < runs; i++) this.addRun(cost, experts, i > 0);
    this.banks.run();
    return this.banks.array;
  }

  /** Gates of the next expert stand before the last products of each. */
  private addRun(cost: ExpertCost, experts: number, isNext: boolean): void {
    const { gap, nextGap, experts: skipped } = cost.skipped;
    let hidden = this.addGates(cost, isNext ? nextGap : 0);
    for (let i = 1; i <= experts; i++) {
      const isLast = i === experts;
      const next = isLast ? this.skipGates(cost, skipped) : this.addGates(cost, 0);
      this.addDown(cost, hidden, isLast ? gap : 0);
      hidden = next;
    }
    const inFull = Math.min(skipped, SKIPPED);
    for (let left = inFull; left > 0; left--) {
      const next = this.skipGates(cost, left - 1);
      this.skipDown(cost, hidden, left);
      hidden = next;
    }
    if (skipped > inFull) this.pass(cost, skipped - inFull);
  }

  /** Returns the last vector work. */
  private addGates({ gate }: ExpertCost, gap: number): number {
    const { banks } = this;
    let last = 0;
    for (let n = 0; n < gate.count; n++) {
      for (let weight = 0; weight < 2; weight++) {
        banks.product(gate.products, gate.sumBytes);
        banks.load(gate.loads, gate.tiles, gate.weightBytes, n === 0 && weight === 0 ? gap : 0);
      }
      last = banks.work(gate.vector, 2);
    }
    return last;
  }

  private addDown({ down }: ExpertCost, hidden: number, gap: number): void {
    const { banks } = this;
    for (let n = 0; n < down.count; n++) {
      banks.product(down.products, down.sumBytes, hidden);
      banks.load(down.loads, down.tiles, down.weightBytes, n === 0 ? gap : 0);
      banks.work(down.vector);
    }
  }

  /** One without rows, or what there is of it; returns the last vector work. */
  private skipGates({ gate, skipped }: ExpertCost, experts: number): number {
    const { banks } = this;
    const share = Math.min(1, experts);
    let last = 0;
    if (share <= 0) return last;
    for (let n = 0; n < gate.count; n++) {
      for (let weight = 0; weight < 2; weight++) {
        banks.product(share * gate.tiles * skipped.tile, gate.sumBytes);
        banks.load(0, 1, share * gate.weightBytes);
      }
      last = banks.work(share * gate.skipped, 2);
    }
    return last;
  }

  private skipDown({ down, skipped }: ExpertCost, hidden: number, experts: number): void {
    const { banks } = this;
    const share = Math.min(1, experts);
    for (let n = 0; n < down.count; n++) {
      banks.product(share * down.tiles * skipped.tile, down.sumBytes, hidden);
      banks.load(0, 1, share * down.weightBytes);
      banks.work(share * down.skipped);
    }
  }

  /** The slower unit sets the pace of experts that nothing else runs beside. */
  private pass({ gate, down, skipped }: ExpertCost, experts: number): void {
    const { banks } = this;
    const gates = 2 * gate.count;
    const tiles = gates * gate.tiles + down.count * down.tiles;
    const vector = gate.count * gate.skipped + down.count * down.skipped;
    banks.product(experts * Math.max(tiles * skipped.tile, vector), 0);
    banks.load(0, 1, experts * (gates * gate.weightBytes + down.count * down.weightBytes));
  }
}

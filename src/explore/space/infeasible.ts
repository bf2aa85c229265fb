/** When nothing keeps all limits: which limits, and the design that is nearest to keeping them. */
import type { BrokenLimit, LimitName } from './limits.ts';

export interface Infeasible<T> {
  /** The design with the least violation, and what it breaks. */
  readonly nearest: T;
  readonly broken: readonly BrokenLimit[];
  /** Limits that no design keeps, each with the least excess of any. */
  readonly never: readonly BrokenLimit[];
}

/** Collects designs that break limits; undefined from `result` before the first. */
export class InfeasibleSearch<T> {
  private nearest: { design: T; broken: readonly BrokenLimit[]; violation: number } | undefined;
  private least: ReadonlyMap<LimitName, BrokenLimit> | undefined;

  /** A design with all limits that it breaks. */
  add(design: T, broken: readonly BrokenLimit[]): void {
    const violation = broken.reduce((sum, { excess }) => sum + excess, 0);
    if (this.nearest === undefined || violation < this.nearest.violation)
      this.nearest = { design, broken, violation };
    const before = this.least;
    const now = broken.flatMap((each): [LimitName, BrokenLimit][] => {
      const least = before === undefined ? each : before.get(each.limit);
      if (least === undefined) return [];
      return [[each.limit, each.excess < least.excess ? each : least]];
    });
    this.least = new Map(now);
  }

  result(): Infeasible<T> | undefined {
    if (this.nearest === undefined) return undefined;
    const { design: nearest, broken } = this.nearest;
    return { nearest, broken, never: [...(this.least ?? new Map()).values()] };
  }
}

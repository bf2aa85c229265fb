/**
 * SiliconBill: what a chip is made of, as data. Its RTL says it (`billOfInventory`), or a description
 * that has no RTL; the cost model prices it without knowing either.
 */
import { addCounts } from '../hdl/index.ts';
import type { Counts, Inventory, MemoryCount, OperatorCount } from '../hdl/index.ts';

/** Units of the table of silicon, by name. */
export interface UnitCount {
  readonly unit: string;
  readonly count: number;
}

/** A part of the chip: units, and what is around them. */
export interface BillPart {
  readonly part: string;
  readonly units: readonly UnitCount[];
  /** Flops that are in no unit. */
  readonly registerBits: number;
  /** Operators that are in no unit. */
  readonly operators: readonly OperatorCount[];
  readonly memories: readonly MemoryCount[];
}

export interface SiliconBill {
  readonly chip: string;
  readonly clockHz: number;
  /** Multiply-accumulates in a cycle in which all multipliers work. */
  readonly macsPerCycle: number;
  /** The part that does them is called `matrix`. */
  readonly parts: readonly BillPart[];
  /** What the chip has besides, in words: its area and energy are in no figure. */
  readonly notCounted: readonly string[];
}

/**
 * One part from the inventory of a module: instances of modules that `unitName` names are units, with
 * all that is inside them; everything else is counted as operators, registers and memories.
 */
export function billOfInventory(
  part: string,
  inventory: Inventory,
  unitName: (module: string) => string | undefined,
): BillPart {
  const counts: Counts[] = [];
  const units = new Map<string, number>();
  const visit = ({ module, own, instances }: Inventory): void => {
    const unit = unitName(module);
    if (unit !== undefined) {
      units.set(unit, (units.get(unit) ?? 0) + 1);
      return;
    }
    counts.push(own);
    for (const { inventory: inner } of instances) visit(inner);
  };
  visit(inventory);
  const { operators, registerBits, memories } = addCounts(counts);
  return {
    part,
    units: [...units].map(([unit, count]) => ({ unit, count })),
    registerBits,
    operators,
    memories,
  };
}

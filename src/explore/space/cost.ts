/**
 * Dollars of a chip with its memory: what it costs to make, without design, masks, margins or software.
 *
 *     die    = wafer / (dies of a wafer · yield)
 *     yield  = (1 + area · defects / clustering)^−clustering           negative binomial
 *     dies   = π (d / 2)² / a − π d / √(2 a)   for a wafer that is usable up to d and dies of a with scribe
 *     chip   = die + package + devices · (memory + assembly)
 *
 * Low prices go with few defects and high ones with many, so the ends are further apart than likely.
 */
import type { Memory, SupplyRange, Wafers } from '../../chip/index.ts';
import { product, scaleRange, type Range } from '../range.ts';

export interface ChipCost {
  readonly dollars: Range;
  readonly die: Range;
  readonly memory: Range;
  readonly package: Range;
  readonly yield: Range;
  /** Inputs that no source backs, by name. */
  readonly assumed: readonly string[];
}

/** What of a chip has a price. */
export interface Priced {
  readonly areaMm2: number;
  readonly node: string;
  readonly memory: Memory;
  readonly devices: number;
}

const GB = 1e9;

/** Null where a price is not known, and for a die that no reticle or wafer holds. */
export function costOf(priced: Priced, wafers: Wafers): ChipCost | null {
  const { areaMm2, memory, devices } = priced;
  const node = wafers.nodes[priced.node];
  const package_ = wafers.packages[memory.package];
  if (!node || areaMm2 > wafers.reticle.areaMm2) return null;
  const { chipDollars, deviceDollars } = package_ ?? { chipDollars: null, deviceDollars: null };
  const inputs = {
    'wafer price': node.waferDollars,
    'defect density': node.defectsPerCm2,
    'package price': chipDollars,
    'assembly of memory': deviceDollars,
    'memory price': memory.dollarsPerGB,
  };
  if (Object.values(inputs).includes(null)) return null;
  const [wafer, defects, chip, device, perGB] = Object.values(inputs) as SupplyRange[];
  const dies = diesPerWafer(areaMm2, node.diameterMm, wafers);
  if (dies < 1) return null;
  const yielded = yieldOf(areaMm2, defects!, wafers.yield.clustering);
  const inverse = { low: 1 / yielded.high, value: 1 / yielded.value, high: 1 / yielded.low };
  const die = scaleRange(product(wafer!, inverse), 1 / dies);
  const stacks = scaleRange(perGB!, (devices * memory.capacityBytes) / GB);
  const packaged = sum(chip!, scaleRange(device!, devices));
  return {
    dollars: sum(die, stacks, packaged),
    die,
    memory: stacks,
    package: packaged,
    yield: yielded,
    assumed: Object.entries(inputs).flatMap(([name, given]) =>
      given?.confidence === 'assumed' ? [name] : [],
    ),
  };
}

/** Whole dies of a wafer, as de Vries' first-order formula counts them; below 1 for a die it cannot hold. */
export function diesPerWafer(areaMm2: number, diameterMm: number, { margins }: Wafers): number {
  const usable = diameterMm - 2 * margins.edgeMm;
  const side = Math.sqrt(areaMm2) + margins.scribeMm;
  return (Math.PI * (usable / 2) ** 2) / side ** 2 - (Math.PI * usable) / (Math.SQRT2 * side);
}

/** Share of dies that work: low where defects are many. */
export function yieldOf(areaMm2: number, defectsPerCm2: Range, clustering: number): Range {
  const share = (defects: number): number =>
    (1 + ((areaMm2 / 100) * defects) / clustering) ** -clustering;
  const { low, value, high } = defectsPerCm2;
  return { low: share(high), value: share(value), high: share(low) };
}

function sum(...ranges: readonly Range[]): Range {
  return ranges.reduce((a, b) => {
    return { low: a.low + b.low, value: a.value + b.value, high: a.high + b.high };
  });
}

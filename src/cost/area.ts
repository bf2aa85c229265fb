/**
 * Area, clock and energy of a bill on a process node, from the table of synthesised units.
 *
 * Everything is pre-layout. Cells are what synthesis chose; the placed area adds, by the factors of the
 * catalogue, scan flops, buffers and the free space that wires need:
 *
 *     placed = (cells + flops · (scan − 1)) · clockAndRepair / utilisation + memories · memoryPlacement
 *
 * The clock is bounded by the slowest unit: 1 / (its slowest stage + clock to output + setup), before
 * wires; what is in no unit has an area but no delay. Energy is that of toggles on recorded operands
 * with every unit busy, before wires and glitches.
 */
import { UnsupportedError } from '../base/index.ts';
import type { Silicon, SiliconUnit, SramModel } from '../chip/index.ts';
import type { MemoryCount, OperatorCount } from '../hdl/index.ts';
import type { BillPart, SiliconBill, UnitCount } from './bill.ts';
import { operatorSize } from './operatorSize.ts';

/** Areas in mm², one part or the whole. */
export interface Area {
  /** Cells of synthesis, flops included. */
  readonly cellMm2: number;
  readonly flopMm2: number;
  readonly memoryMm2: number;
  readonly placedMm2: number;
}

export interface UnitArea extends UnitCount {
  /** The unit of the table, which may have another number of stages. */
  readonly pricedAs: string;
  /** Of one. */
  readonly areaUm2: number;
  readonly delayPs: number;
  readonly cellMm2: number;
}

export interface PartArea extends Area {
  readonly part: string;
  readonly units: readonly UnitArea[];
  /** Operators and registers around the units. */
  readonly restMm2: number;
  /** Energy of a cycle with every unit busy and no clock gated, memories apart. */
  readonly busyPj: number;
  /** Of cells at 25 °C, memories apart. */
  readonly leakageMw: number;
}

export interface AreaReport extends Area {
  readonly node: string;
  readonly kind: 'predictive' | 'real';
  readonly stage: 'pre-layout';
  readonly parts: readonly PartArea[];
  readonly memoryBits: number;
  readonly memoryKind: SramModel['kind'];
  /** Placed area of the whole by the MACs of a cycle. */
  readonly placedUm2PerMac: number;
  readonly matrixCellUm2PerMac: number;
  readonly matrixPjPerMac: number;
  readonly slowestUnit: string;
  readonly fmaxHz: number;
  readonly clockHz: number;
}

/** Of cells that are in no unit, flops among them, in µm². */
export interface RestArea {
  readonly areaUm2: number;
  readonly flopAreaUm2: number;
}

/**
 * Prices a bill. What is in no unit is priced by operators and registers, but for parts of which `rest`
 * knows better. Throws UnsupportedError for a unit that the table of the node has in no form.
 */
export function areaOf(
  bill: SiliconBill,
  silicon: Silicon,
  rest: ReadonlyMap<string, RestArea> = new Map(),
): AreaReport {
  const parts = bill.parts.map((part) =>
    areaOfPart(part, silicon, rest.get(part.part) ?? restOf(part, silicon)),
  );
  const { node, sram } = silicon;
  const total = sumAreas(parts);
  const matrix = parts.find(({ part }) => part === 'matrix');
  const slowest = parts
    .flatMap(({ units }) => units)
    .reduce((a, b) => (b.delayPs > a.delayPs ? b : a), { unit: 'none', delayPs: 0 });
  return {
    node: node.id,
    kind: node.kind,
    stage: node.stage,
    parts,
    ...total,
    memoryBits: bill.parts
      .flatMap(({ memories }) => memories)
      .reduce((sum, m) => sum + bitsOf(m), 0),
    memoryKind: sram.kind,
    placedUm2PerMac: (total.placedMm2 * 1e6) / bill.macsPerCycle,
    matrixCellUm2PerMac: ((matrix?.cellMm2 ?? 0) * 1e6) / bill.macsPerCycle,
    matrixPjPerMac: (matrix?.busyPj ?? 0) / bill.macsPerCycle,
    slowestUnit: slowest.unit,
    fmaxHz: 1e12 / (slowest.delayPs + node.flop.overheadPs),
    clockHz: bill.clockHz,
  };
}

function restOf(part: BillPart, silicon: Silicon): RestArea {
  const flopAreaUm2 = (part.registerBits + smallBits(part)) * silicon.node.flop.areaUm2;
  const gatesUm2 = operatorsUm2(part, silicon) + keepingUm2(part, silicon);
  return { flopAreaUm2, areaUm2: flopAreaUm2 + gatesUm2 };
}

function areaOfPart(part: BillPart, silicon: Silicon, rest: RestArea): PartArea {
  const { factors } = silicon;
  const units = part.units.map(({ unit, count }) => {
    const pricedAs = findUnit(unit, silicon);
    const { areaUm2, delayPs } = silicon.node.units[pricedAs]!;
    return { unit, count, pricedAs, areaUm2, delayPs, cellMm2: (count * areaUm2) / 1e6 };
  });
  const restMm2 = rest.areaUm2 / 1e6;
  const cellMm2 = sum(units, ({ cellMm2 }) => cellMm2) + restMm2;
  const inUnits = sum(part.units, ({ unit, count }) => count * unitOf(unit, silicon).flopAreaUm2);
  const flopMm2 = (inUnits + rest.flopAreaUm2) / 1e6;
  const memoryMm2 =
    sum(part.memories.filter(isMacro), (memory) => memoryUm2(memory, silicon)) / 1e6;
  const scanMm2 = flopMm2 * (factors.scan.value - 1);
  const logicMm2 = ((cellMm2 + scanMm2) * factors.clockAndRepair.value) / factors.utilisation.value;
  return {
    part: part.part,
    units,
    restMm2,
    cellMm2,
    flopMm2,
    memoryMm2,
    placedMm2: logicMm2 + memoryMm2 * factors.memoryPlacement.value,
    busyPj: busyPj(part, silicon),
    leakageMw: leakageNw(part, silicon) / 1e6,
  };
}

/** Names of units end in the numbers of their stages. */
const STAGES = /(_\d+)+$/;

function stagesOf(unit: string): number[] {
  return (STAGES.exec(unit)?.[0] ?? '').split('_').slice(1).map(Number);
}

/**
 * The unit of that name in the table; or, of the units that differ in the numbers of stages only, the
 * one that is nearest in them.
 */
function findUnit(unit: string, { node }: Silicon): string {
  if (node.units[unit]) return unit;
  const stages = stagesOf(unit);
  const distance = (name: string): number =>
    sum(stagesOf(name).entries().toArray(), ([i, n]) => Math.abs(n - stages[i]!));
  const family = unit.replace(STAGES, '');
  const others = Object.keys(node.units).filter((name) => name.replace(STAGES, '') === family);
  const [nearest] = others.toSorted((a, b) => distance(a) - distance(b));
  if (nearest !== undefined) return nearest;
  throw new UnsupportedError(`the table of ${node.id} must have the unit ${unit}, but does not`, {
    where: `catalogue/silicon/${node.id}.json`,
    hint: 'add it to scripts/area/units.ts and run npm run area-table',
  });
}

function unitOf(unit: string, silicon: Silicon): SiliconUnit {
  return silicon.node.units[findUnit(unit, silicon)]!;
}

/** No compiler draws a macro of fewer words, nor would one of fewer bits be smaller than flops. */
const MACRO_WORDS = 16;
const MACRO_BITS = 4096;

/** Whether a memory is a macro of its own; else it is made of flops, and a choice that reads one. */
export function isMacro({ words, width }: Pick<MemoryCount, 'words' | 'width'>): boolean {
  return words >= MACRO_WORDS && words * width >= MACRO_BITS;
}

/** Flops that are small memories: clocked when they are written only. */
function smallBits({ memories }: BillPart): number {
  return sum(
    memories.filter((memory) => !isMacro(memory)),
    bitsOf,
  );
}

/** Operators, those that read small memories too. */
function allOperators({ operators, memories }: BillPart): readonly OperatorCount[] {
  const reads = memories.filter((memory) => !isMacro(memory));
  return [
    ...operators,
    ...reads.map(({ words, width, count }) => {
      return { operator: 'mux', widths: [words, width], count } as const;
    }),
  ];
}

/** Choices before the flops of small memories, each between its bit and a new one: all but still. */
function keepingUm2(part: BillPart, { node }: Silicon): number {
  return smallBits(part) * (node.operatorUm2['mux'] ?? 0);
}

/** An operator that was not synthesised costs as much as an addition of its size. */
function operatorsUm2(part: BillPart, { node }: Silicon): number {
  return sum(allOperators(part), (operator) => {
    const each = node.operatorUm2[operator.operator] ?? node.operatorUm2['add'] ?? 0;
    return operator.count * operatorSize(operator) * each;
  });
}

function memoryUm2(memory: MemoryCount, { sram, twoPortFactor }: Silicon): number {
  const ports = memory.ports > sram.ports ? twoPortFactor : 1;
  return bitsOf(memory) * sram.areaUm2PerBit * ports;
}

function bitsOf({ words, width, count }: MemoryCount): number {
  return words * width * count;
}

/**
 * Each unit runs the stream that costs it most. Registers around them cost their clock, operators as
 * much for their area as the logic of the node's units does.
 */
function busyPj(part: BillPart, silicon: Silicon): number {
  const { flop } = silicon.node;
  const inUnits = sum(part.units, ({ unit, count }) => count * busyFj(unitOf(unit, silicon)));
  const inOperators = operatorsUm2(part, silicon) * logicFjPerUm2(silicon);
  return (inUnits + part.registerBits * flop.clockFj + inOperators) / 1000;
}

function busyFj({ cycleFj }: SiliconUnit): number {
  return Math.max(0, ...Object.values(cycleFj));
}

/** Energy of a busy cycle by area of gates, over all units of the node, without the clock of flops. */
function logicFjPerUm2({ node: { units, flop } }: Silicon): number {
  const all = Object.values(units);
  const energy = sum(all, (unit) => busyFj(unit) - unit.flops * flop.clockFj);
  return energy / sum(all, ({ areaUm2, flopAreaUm2 }) => areaUm2 - flopAreaUm2);
}

/** Operators leak as the NAND2 gates of their area. */
function leakageNw(part: BillPart, silicon: Silicon): number {
  const { flop, nand2 } = silicon.node;
  const inUnits = sum(part.units, ({ unit, count }) => count * unitOf(unit, silicon).leakageNw);
  const gates = (operatorsUm2(part, silicon) + keepingUm2(part, silicon)) / nand2.areaUm2;
  const flops = part.registerBits + smallBits(part);
  return inUnits + flops * flop.leakageNw + gates * nand2.leakageNw;
}

function sumAreas(parts: readonly Area[]): Area {
  return {
    cellMm2: sum(parts, ({ cellMm2 }) => cellMm2),
    flopMm2: sum(parts, ({ flopMm2 }) => flopMm2),
    memoryMm2: sum(parts, ({ memoryMm2 }) => memoryMm2),
    placedMm2: sum(parts, ({ placedMm2 }) => placedMm2),
  };
}

function sum<T>(items: readonly T[], value: (item: T) => number): number {
  return items.reduce((total, item) => total + value(item), 0);
}

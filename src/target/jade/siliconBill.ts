/**
 * What a Jade chip is made of, for its area and energy: the instances of its core's RTL. Columns, lanes
 * and blocks of the quantiser are units of catalogue/silicon, which were synthesised whole; all else of
 * the core is counted by operators, registers and memories.
 */
import type { Chip } from '../../chip/index.ts';
import {
  billOfInventory,
  isMacro,
  type Activity,
  type BillPart,
  type SiliconBill,
} from '../../cost/index.ts';
import { addCounts, inventory, type Inventory, type Module } from '../../hdl/index.ts';
import { QUEUES } from './isa.table.ts';
import { completeCore } from './rtl/design.ts';
import { ACTIVATION_BLOCK_BYTES, matrixShape } from './rtl/matrix/matrixShape.ts';
import { memoryPieces } from './rtl/memory/memoryPieces.ts';
import { readClients, writeClients } from './rtl/memory/memoryShape.ts';
import type { RunStats } from './sim/index.ts';

/** Parts of the bill by the module of their instance in the core. */
export const PARTS: Readonly<Record<string, string>> = {
  control: 'control',
  dma: 'dma',
  matrix_unit: 'matrix',
  vector_unit: 'vector',
  local_memory: 'local memory',
  position_registers: 'positions',
};

/** The bill of `chip`: all that is inside of its cores. */
export function siliconBill(chip: Chip): SiliconBill {
  const { matrix, cores } = chip;
  return {
    chip: chip.name,
    clockHz: chip.clockHz,
    macsPerCycle: cores * matrix.lanes * matrix.columns,
    parts: partsOfCore(inventory(completeCore(chip)))
      .map(({ part, inventory }) => {
        return billOfInventory(part, inventory, (module) => unitName(chip, module));
      })
      .map((part) => repeated(part, cores)),
    notCounted: [
      'AXI ports of the top',
      'physical layer of the memory outside',
      'pads, clock generation, test access',
    ],
  };
}

/** The instances of the core; its few operators of its own go to control. */
function partsOfCore({ own, instances }: Inventory): { part: string; inventory: Inventory }[] {
  return instances.map(({ inventory }) => {
    const part = PARTS[inventory.module]!;
    const inner = part === 'control' ? addCounts([inventory.own, own]) : inventory.own;
    return { part, inventory: { ...inventory, own: inner } };
  });
}

function repeated(part: BillPart, times: number): BillPart {
  const each = <T extends { readonly count: number }>(items: readonly T[]): T[] =>
    items.map((item) => ({ ...item, count: item.count * times }));
  return {
    part: part.part,
    units: each(part.units),
    registerBits: part.registerBits * times,
    operators: each(part.operators),
    memories: each(part.memories),
  };
}

/** A module that is synthesised whole: its name in catalogue/silicon, which ends in its stages. */
export function unitName(chip: Chip, module: string): string | undefined {
  if (module.startsWith('vector_block_')) return module;
  if (module === 'vector_lane') return `vector_lane_${chip.vector.operationCycles}`;
  if (module !== 'matrix_column') return undefined;
  const { activationFormat, weightFormat } = chip.matrix;
  const { dotStages, addStages } = matrixShape(chip);
  // With 8-bit floats the weights of both formats are bytes of the same kind in a column.
  const weights = activationFormat === 'mxfp8' ? activationFormat : weightFormat;
  return `matrix_column_${activationFormat}_${weights}_${dotStages}_${addStages}`;
}

/** The modules of a chip that are units, each once, by their names in catalogue/silicon. */
export function siliconUnits(chip: Chip): Map<string, Module> {
  const units = new Map<string, Module>();
  const visit = (module: Module): void => {
    const name = unitName(chip, module.name);
    if (name !== undefined) units.set(name, module);
    else for (const { module: inner } of module.instances) visit(inner);
  };
  visit(completeCore(chip));
  return units;
}

/** A module of a part, and how often the part has it. */
export interface PartModule {
  readonly module: Module;
  readonly count: number;
}

/** The modules of the core by the parts of the bill that they make: the local memory in its pieces. */
export function siliconParts(chip: Chip): Map<string, readonly PartModule[]> {
  const { instances } = completeCore(chip);
  const whole = instances.map(
    ({ module }) => [PARTS[module.name]!, [{ module, count: 1 }]] as const,
  );
  const pieces = memoryPieces(chip).map(({ count, module }) => ({ count, module: module() }));
  return new Map<string, readonly PartModule[]>([...whole, ['local memory', pieces]]);
}

/** Whether a module inside of a part has a price of its own: a unit, or macros of memory. */
export function isPricedAlone(chip: Chip, { name, memories }: Module): boolean {
  return unitName(chip, name) !== undefined || memories.some(isMacro);
}

/**
 * What a run did to the parts of the bill. The matrix unit works in as many cycles as its multipliers
 * need at full width; between passes its columns are clock-gated. Control always works. The steering of
 * the local memory works for as many cycles as all its clients together would need for the bytes.
 *
 * On-chip bytes: what is loaded is written and read once, what is stored is read; a cycle of the
 * matrix unit reads a block and reads and writes a sum for each column, one of the vector unit reads
 * or writes a word for each lane.
 */
export function activityOf(
  chip: Chip,
  { cycles, busyCycles, memoryBusyCycles, bytesLoaded, bytesStored, macs }: RunStats,
): Activity {
  const { cores, matrix, vector } = chip;
  const columns = Math.ceil(macs / (cores * matrix.lanes * matrix.columns));
  const lanes = busyCycles[QUEUES.indexOf('vector')]!;
  const columnBytes = columns * (ACTIVATION_BLOCK_BYTES + 2 * 4 * matrix.columns);
  const laneBytes = lanes * 4 * vector.lanes;
  const memoryBytes = cores * (columnBytes + laneBytes) + 2 * bytesLoaded + bytesStored;
  const clients = [...readClients(chip), ...writeClients(chip)];
  const clientBytes = clients.reduce((sum, { bytes }) => sum + bytes, 0);
  return {
    cycles,
    busyCycles: {
      control: cycles,
      dma: memoryBusyCycles,
      matrix: columns,
      vector: lanes,
      'local memory': memoryBytes / (cores * clientBytes),
    },
    memoryBytes,
  };
}

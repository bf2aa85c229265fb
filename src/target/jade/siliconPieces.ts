/**
 * The silicon of many chips: the bill of a core in pieces, each elaborated once for all chips that have it.
 * `siliconBill` elaborates a whole core, which takes a fifth of a second; a space has 10⁵ chips and more.
 */
import type { Chip } from '../../chip/index.ts';
import { billOfInventory, type BillPart } from '../../cost/index.ts';
import { inventory, type Module } from '../../hdl/index.ts';
import { bankCountOf } from './sim/banks.ts';
import { control } from './rtl/control/control.ts';
import { dma } from './rtl/dma/dma.ts';
import { dmaShape } from './rtl/dma/dmaShape.ts';
import { completeCore } from './rtl/design.ts';
import { matrixUnit } from './rtl/matrix/matrixUnit.ts';
import { memoryPieces } from './rtl/memory/memoryPieces.ts';
import { localAddressBits } from './rtl/memory/memoryShape.ts';
import { positionRegisters } from './rtl/memory/positionRegisters.ts';
import { vectorUnit } from './rtl/vector/vectorUnit.ts';
import { unitName } from './siliconBill.ts';

/** A piece of a part of a core. */
export interface SiliconPiece {
  readonly bill: BillPart;
  /** How often the part has it. */
  readonly count: number;
}

/** A part of a core by its pieces; equal parts of different chips are the same object. */
export type SiliconPart = readonly SiliconPiece[];

export class SiliconPieces {
  private readonly parts = new Map<string, SiliconPart>();
  private readonly memoryBills = new Map<string, BillPart>();

  /** All parts of a core of `chip`. */
  of(chip: Chip): SiliconPart[] {
    const { matrix, vector, dma: transfers, scratchpad, accumulator, control: lists } = chip;
    const bits = localAddressBits(chip);
    const whole = (part: string, module: () => Module) => (): SiliconPart => {
      return [{ bill: billOf(chip, part, module()), count: 1 }];
    };
    const controlKey = `${transfers.outstandingLoads},${matrix.pipelineCycles},${bankCountOf(chip)}`;
    const matrixKey = Object.values(matrix).join();
    const memory = [scratchpad, accumulator, lists].map((each) => Object.values(each).join('x'));
    const ports = [matrixKey, vector.lanes, chip.memory.bytesPerCycle];
    return [
      this.part('around', () => [{ bill: aroundParts(chip), count: 1 }]),
      this.part(
        `control ${controlKey}`,
        whole('control', () => control(chip)),
      ),
      this.part('positions', whole('positions', positionRegisters)),
      this.part(
        `dma ${Object.values(dmaShape(chip)).join()}`,
        whole('dma', () => dma(chip)),
      ),
      this.part(
        `matrix ${matrixKey} ${bits}`,
        whole('matrix', () => matrixUnit(chip, bits)),
      ),
      this.part(
        `vector ${Object.values(vector).join()} ${matrix.activationFormat} ${bits}`,
        whole('vector', () => vectorUnit(chip, bits)),
      ),
      this.part(`memory ${memory.join()} ${ports.join()}`, () => this.localMemory(chip)),
    ];
  }

  private part(key: string, elaborate: () => SiliconPart): SiliconPart {
    return this.parts.getOrInsertComputed(key, elaborate);
  }

  private localMemory(chip: Chip): SiliconPart {
    return memoryPieces(chip).map(({ key, count, module }) => {
      const elaborate = (): BillPart => billOf(chip, 'local memory', module());
      return { bill: this.memoryBills.getOrInsertComputed(key, elaborate), count };
    });
  }
}

function billOf(chip: Chip, part: string, module: Module): BillPart {
  return billOfInventory(part, inventory(module), (name) => unitName(chip, name));
}

/** The operators of a core that are in none of its parts, which are the same for all chips. */
function aroundParts(chip: Chip): BillPart {
  const core = inventory(completeCore(chip));
  return billOfInventory('control', { ...core, instances: [] }, () => undefined);
}

/**
 * The core: everything of a chip but its bus. Instructions come in as a stream, transfers go to a memory
 * that serves row commands in order; verification sees each start and each completion.
 */
import { type Chip } from '../../../../chip/index.ts';
import {
  defineModule,
  joinLanes,
  type Module,
  type ModuleBuilder,
  type Signal,
} from '../../../../hdl/index.ts';
import { QUEUES } from '../../isa.table.ts';
import { decodeFields, INSTRUCTION_BITS } from '../control/decoder.ts';
import { anyOf, dispatcher } from '../control/dispatcher.ts';
import { issue } from '../control/issue.ts';
import { transferUnit } from '../dma/transferUnit.ts';
import { matrixUnit } from '../matrix/matrixUnit.ts';
import { CONTROL_READERS, localMemory } from '../memory/localMemory.ts';
import { localAddressBits } from '../memory/memoryShape.ts';
import {
  POSITION_INDEX_BITS,
  POSITION_READERS,
  positionRegisters,
} from '../memory/positionRegisters.ts';
import { vectorUnit } from '../vector/vectorUnit.ts';

type Ports = Readonly<Record<string, Signal>>;

const QUEUE_COUNT = QUEUES.length;
/** Bytes of a row command. */
export const COMMAND_BYTES_BITS = 32;

/** Bits of an address in the chip's memory. */
export function memoryAddressBits({ memory }: Chip): number {
  return Math.ceil(Math.log2(memory.sizeBytes));
}

/**
 * A tile program: instructions in program order on buffers that have no address yet. Running them one
 * after another in this order is the meaning of the program; queues and semaphores come later.
 */
import type { PlannedBuffer } from '../../../compile/index.ts';
import type { Opcode } from '../isa.table.ts';

export type RegionName =
  | 'stream'
  | 'context'
  | 'operands'
  | 'constants'
  | 'tensors'
  | 'accumulator'
  | 'control';

/** A buffer on the chip; its lifetime grows with each instruction that touches it. */
export class TileBuffer implements PlannedBuffer {
  first = Number.POSITIVE_INFINITY;
  last = -1;
  readonly name: string;
  readonly region: RegionName;
  readonly sizeBytes: number;

  constructor(name: string, region: RegionName, sizeBytes: number) {
    this.name = name;
    this.region = region;
    this.sizeBytes = sizeBytes;
  }

  touch(step: number): void {
    this.first = Math.min(this.first, step);
    this.last = Math.max(this.last, step);
  }
}

/** A byte inside a buffer. */
export interface Ref {
  readonly buffer: TileBuffer;
  readonly offset: number;
}

export type Operand = number | Ref;

export interface TileInstruction {
  readonly op: Opcode;
  readonly fields: Readonly<Record<string, Operand>>;
  /** The operator this instruction works for. */
  readonly label: string;
}

export function shift(ref: Ref, bytes: number): Ref {
  return { buffer: ref.buffer, offset: ref.offset + bytes };
}

export class TileProgram {
  readonly instructions: TileInstruction[] = [];
  readonly buffers: TileBuffer[] = [];
  /** Prefixed to the names of buffers and given to instructions. */
  label = '';

  allocate(name: string, region: RegionName, sizeBytes: number): Ref {
    const buffer = new TileBuffer(`${this.label}: ${name}`, region, sizeBytes);
    this.buffers.push(buffer);
    return { buffer, offset: 0 };
  }

  emit(op: Opcode, fields: Readonly<Record<string, Operand>>): void {
    const step = this.instructions.length;
    for (const operand of Object.values(fields)) {
      if (typeof operand !== 'number') operand.buffer.touch(step);
    }
    this.instructions.push({ op, fields, label: this.label });
  }
}

/**
 * The lines between control, the units and the memories of a core. Control and memories are placed first,
 * with a line at each input that a unit drives; then units are placed between them. Lines that no unit
 * drives are 0.
 */
import type { Chip } from '../../../../chip/index.ts';
import type { Module, ModuleBuilder, Signal, Wire } from '../../../../hdl/index.ts';
import type { Queue } from '../../isa.table.ts';
import { control } from '../control/control.ts';
import { fieldPort, fieldsOf } from '../control/decoder.ts';
import { fit } from '../dma/dmaShape.ts';
import { localMemory } from '../memory/localMemory.ts';
import { portOfField } from '../vector/plan.ts';
import { positionRegisters } from '../memory/positionRegisters.ts';

type Signals = Readonly<Record<string, Signal>>;

export class Lines {
  /** Heads of the queues, data of the local memory, positions. */
  readonly head: Signals;
  readonly memory: Signals;
  readonly positions: Signals;
  /** What raises the fault flag. */
  readonly faults: Signal[] = [];
  private readonly m: ModuleBuilder;
  private readonly lines = new Map<string, Wire>();
  private readonly driven = new Set<string>();

  constructor(m: ModuleBuilder, chip: Chip, ports: Signals) {
    this.m = m;
    this.head = this.place('control', control(chip), {
      valid: ports['valid']!,
      instruction: ports['instruction']!,
    });
    this.memory = this.place('localMemory', localMemory(chip), {});
    this.positions = this.place('positions', positionRegisters(), {
      write: ports['positionWrite']!,
      writeIndex: ports['positionIndex']!,
      writeData: ports['positionData']!,
    });
  }

  /** A field of the head of a queue. */
  field(queue: Queue, name: string): Signal {
    return this.head[fieldPort(queue, name)]!;
  }

  retired(queue: Queue): Signal {
    return this.lines.get(`${queue}Retire`)!;
  }

  /** Drives a line, cutting or padding with zeros to its width. */
  drive(name: string, value: Signal | number): void {
    const line = this.lines.get(name)!;
    line.set(typeof value === 'number' ? value : fit(value, line.width));
    this.driven.add(name);
  }

  /** Drives the lines `to…` by the outputs `from…` of a unit that end alike: Valid, Address, Bytes, Data. */
  driveAll(unit: Signals, from: string, to: string): void {
    for (const what of ['Valid', 'Address', 'Bytes', 'Data']) {
      const [output, line] = [unit[from + what], to + what];
      if (output !== undefined && this.lines.has(line)) this.drive(line, output);
    }
  }

  /** Places the unit of a queue: its inputs are `start`, fields of the head by name, and what is given. */
  unit(queue: Queue, module: Module, given: Signals): Signals {
    const names = new Map(fieldsOf(queue).map(({ name }) => [portOfField(name), name]));
    const inputs = Object.entries<Signal>(module.inputs).map(([port, { width }]) => {
      const field = names.get(port);
      const value = port === 'start' ? this.head[`${queue}Start`]! : given[port];
      return [port, fit(value ?? this.field(queue, field!), width)] as const;
    });
    const unit = this.m.instance(`${queue}Unit`, module, Object.fromEntries(inputs)) as Signals;
    this.drive(`${queue}Ready`, unit['ready']!);
    this.drive(`${queue}Retire`, unit['retire']!);
    this.faults.push(unit['fault']!);
    return unit;
  }

  /** Drives what is left with 0. */
  finish(): void {
    for (const [name, line] of this.lines) if (!this.driven.has(name)) line.set(0);
  }

  /** An instance with a line at each input that is not given. */
  private place(name: string, module: Module, given: Signals): Signals {
    const inputs = Object.entries<Signal>(module.inputs).map(([port, { width }]) => {
      const line = given[port] ?? this.m.wire(port, width);
      if (given[port] === undefined) this.lines.set(port, line as Wire);
      return [port, line] as const;
    });
    return this.m.instance(name, module, Object.fromEntries(inputs)) as Signals;
  }
}

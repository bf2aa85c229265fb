/**
 * Builds modules.
 *
 * ```ts
 * const counter = defineModule({
 *   name: 'counter',
 *   inputs: { enable: 1 },
 *   outputs: { count: 8 },
 *   body({ enable }, m) {
 *     const count = m.register('count', 8, { reset: 0 });
 *     count.set(count.add(1), enable);
 *     return { count };
 *   },
 * });
 * ```
 *
 * There is one clock and one synchronous reset; both are ports only where they are needed. A loop of
 * TypeScript is a generate, a function call is wiring. Whatever is wrong is an error when the module is
 * defined: widths, missing values, names, signals of other modules, loops without a register.
 */
import { CeladonError } from '../base/index.ts';
import type { Operand } from './logic.ts';
import { encode } from './bits.ts';
import { chooseNames, moduleName, snakeCase } from './names.ts';
import { dependenciesOf, dependencyOrder, hardwareRoots } from './order.ts';
import { driverOf, isSlice, Register, requireBit, Signal, Wire } from './signal.ts';
import type { Assertion, External, Instance, Memory, MemoryRead, MemoryWrite } from './signal.ts';
import type { Module, Ports, Wires } from './signal.ts';

/** What `defineModule` takes. */
export interface Definition<I extends Ports, O extends Ports> {
  readonly name: string;
  /** What it does, above the text; may have several lines. */
  readonly comment?: string;
  readonly inputs: I;
  readonly outputs: O;
  /**
   * Tools must not dissolve its instances into the modules around them. Set it for what occurs many
   * times: Yosys then synthesises it once, and Verilator compiles its clocked part once, which is all
   * that lies behind registers; so register the inputs.
   */
  readonly keepHierarchy?: boolean;
  /** The SystemVerilog is a file of somebody else, and `body`, which may be absent, its model. */
  readonly external?: External;
  readonly body?: (inputs: Wires<I, Signal>, m: ModuleBuilder) => Wires<O, Operand<Signal>>;
}

export interface RegisterOptions {
  /** The value after a cycle with reset; without it, reset does nothing. */
  readonly reset?: number | bigint;
  readonly comment?: string;
}

export interface MemoryOptions {
  readonly words: number;
  readonly width: number;
  /** One port each; with the same address signal they are one port of the macro. */
  readonly read: MemoryRead;
  readonly write?: MemoryWrite;
  /** Words from address 0 at power-up, for simulation and FPGAs; an ASIC's memory has none. */
  readonly init?: readonly (number | bigint)[];
  readonly comment?: string;
}

/** Bits of an index into `count` things; at least 1. */
export function indexWidth(count: number): number {
  return Math.max(1, Math.ceil(Math.log2(count)));
}

/** Collects the parts of a module; given to its body. */
export class ModuleBuilder {
  readonly wires: Wire[] = [];
  readonly registers: Register[] = [];
  readonly memories: Memory[] = [];
  readonly instances: Instance[] = [];
  readonly assertions: Assertion[] = [];

  /** A signal whose value is `set` later. */
  wire(name: string, width: number, comment?: string): Wire {
    const wire = new Wire(width, name, comment);
    this.wires.push(wire);
    return wire;
  }

  /** A register, whose next value is `set` later. */
  register(name: string, width: number, { reset, comment }: RegisterOptions = {}): Register {
    const register = new Register(width, name, reset, comment);
    this.registers.push(register);
    return register;
  }

  /** The value one cycle later; with `enable`, as of the last cycle in which it was 1. */
  delay(
    name: string,
    value: Signal,
    { enable, ...options }: RegisterOptions & { readonly enable?: Signal } = {},
  ): Register {
    const register = this.register(name, value.width, options);
    register.set(value, enable);
    return register;
  }

  /** A memory; returns the data of its read port, which arrive in the cycle after the address. */
  memory(name: string, { init = [], comment, ...shape }: MemoryOptions): Signal {
    checkMemory(name, shape, init.length);
    const memory: Memory = {
      ...shape,
      ...(shape.write?.byteEnable && { write: nameParts(name, shape.write) }),
      name: snakeCase(name),
      comment,
      init: init.map((value) => encode(shape.width, value)),
      get data() {
        return data;
      },
    };
    const data = new Signal(shape.width, { kind: 'memory', memory });
    this.memories.push(memory);
    return data;
  }

  /** A module inside this one; returns its outputs. */
  instance<I extends Ports, O extends Ports>(
    name: string,
    module: Module<I, O>,
    inputs: Wires<I, Operand<Signal>>,
    comment?: string,
  ): Wires<O, Signal> {
    const outputs: Record<string, Signal> = {};
    const instance: Instance = {
      name: snakeCase(name),
      comment,
      module,
      inputs: connect(`${name}: inputs`, module.inputs, inputs),
      outputs,
    };
    for (const [port, { width }] of Object.entries<Signal>(module.outputs)) {
      outputs[port] = new Signal(width, { kind: 'output', instance, port });
    }
    this.instances.push(instance);
    return outputs as Wires<O, Signal>;
  }

  /** State that a condition holds at every edge of the clock without reset. */
  assert(name: string, condition: Signal): void {
    this.#state('assert', name, condition);
  }

  /** The same of what is around the module: a proof takes it for granted, a simulation checks it. */
  assume(name: string, condition: Signal): void {
    this.#state('assume', name, condition);
  }

  #state(kind: Assertion['kind'], name: string, condition: Signal): void {
    this.assertions.push({ kind, name: snakeCase(name), condition: requireBit(condition, name) });
  }
}

/** Elaborates a module and checks it. Errors tell the module in `where`. */
export function defineModule<const I extends Ports, const O extends Ports>(
  definition: Definition<I, O>,
): Module<I, O> {
  try {
    return elaborate(definition);
  } catch (error) {
    if (!(error instanceof CeladonError) || error.where !== undefined) throw error;
    const hint = error.hint === undefined ? {} : { hint: error.hint };
    throw new CeladonError(error.message, { where: `module ${definition.name}`, ...hint });
  }
}

function elaborate<I extends Ports, O extends Ports>(definition: Definition<I, O>): Module<I, O> {
  const { comment, external, keepHierarchy = false } = definition;
  const m = new ModuleBuilder();
  const inputs = mapPorts(definition.inputs, (width, port) => {
    return new Signal(width, { kind: 'input' }, port);
  });
  const placeholders = mapPorts(definition.outputs, (width) => {
    return new Signal(width, { kind: 'unknown', inputs: Object.values(inputs) });
  });
  const { body = (): Wires<O, Signal> => placeholders } = definition;
  const outputs = connect('outputs', placeholders, body(inputs, m)) as Wires<O, Signal>;
  const { wires, registers, memories, instances, assertions } = m;
  const parts = { inputs, outputs, registers, memories, instances, assertions };

  for (const register of [...wires, ...registers]) requireSet(register);
  const roots = [...hardwareRoots(parts), ...registers, ...assertions.map((a) => a.condition)];
  const order = dependencyOrder(roots, dependenciesOf, failOnLoop);
  checkOwners(order, { ...parts, wires });
  return {
    ...parts,
    ...clocking(parts, external),
    name: external ? definition.name : moduleName(definition.name),
    comment,
    keepHierarchy,
    external,
    order,
    names: chooseNames({ ...parts, wires, order }),
  };
}

function mapPorts<P extends Ports, T>(
  ports: P,
  f: (width: number, port: string) => T,
): Wires<P, T> {
  const entries = Object.entries(ports).map(([port, width]) => [port, f(width, port)]);
  return Object.fromEntries(entries) as Wires<P, T>;
}

/** The values for ports of the same names and widths. */
function connect(
  what: string,
  ports: Readonly<Record<string, Signal>>,
  values: Readonly<Record<string, Operand<Signal>>>,
): Record<string, Signal> {
  const [required, given] = [Object.keys(ports), Object.keys(values)];
  if (required.toSorted().join() !== given.toSorted().join()) {
    throw new CeladonError(`${what} must be ${required.join(', ')}, not ${given.join(', ')}`);
  }
  return Object.fromEntries(
    required.map((name) => {
      const port = new Signal(ports[name].width, { kind: 'input' }, `${what} ${name}`);
      return [name, driverOf(port, values[name])];
    }),
  );
}

type Parts = Pick<
  Module,
  'inputs' | 'outputs' | 'registers' | 'memories' | 'instances' | 'assertions'
>;

/** Whether a module needs the clock and the reset: for itself or for what is inside. */
function clocking(
  { registers, memories, instances, assertions }: Parts,
  external: External | undefined,
): { clock: boolean; reset: boolean } {
  if (external) return { clock: 'clock' in external, reset: 'reset' in external };
  const resets = registers.some(({ source }) => source.kind === 'register' && 'reset' in source);
  const inside = instances.map(({ module }) => module);
  const state = registers.length + memories.length + assertions.length > 0;
  return {
    clock: state || inside.some(({ clock }) => clock),
    reset: resets || assertions.length > 0 || inside.some(({ reset }) => reset),
  };
}

/** Signals whose bytes are selected must have a name in the text: a part of a part is no SystemVerilog. */
function nameParts(memory: string, { byteEnable, ...write }: MemoryWrite): MemoryWrite {
  const name = (signal: Signal, role: string): Signal => {
    const inline = signal.source.kind === 'constant' || isSlice(signal.source);
    return inline && signal.name === undefined ? signal.named(`${memory}_${role}`) : signal;
  };
  const named = { ...write, data: name(write.data, 'writeData') };
  return byteEnable ? { ...named, byteEnable: name(byteEnable, 'byteEnable') } : named;
}

function checkMemory(
  name: string,
  { words, read, write, width }: Omit<MemoryOptions, 'init' | 'comment'>,
  initial: number,
): void {
  if (!Number.isInteger(words) || words < 2 || initial > words) {
    throw new CeladonError(
      `${name}: a memory must have 2 words or more and no more initial words than words, ` +
        `not ${words} words and ${initial} initial ones`,
    );
  }
  const addresses = { 'read address': read.address, 'write address': write?.address };
  for (const [role, address] of Object.entries(addresses)) {
    const bits = indexWidth(words);
    if (address === undefined || address.width === bits) continue;
    throw new CeladonError(
      `${name}: the ${role} must have ${bits} bits, not ${address.describe()}`,
    );
  }
  if (write && write.data.width !== width) {
    const given = write.data.describe();
    throw new CeladonError(`${name}: the write data must have ${width} bits, not ${given}`);
  }
  if (read.enable) requireBit(read.enable, `${name}: the read enable`);
  if (write) requireBit(write.enable, `${name}: the write enable`);
  if (!write?.byteEnable) return;
  if (initial > 0) {
    throw new CeladonError(`${name}: a memory with byte enables must have no initial words`);
  }
  if (8 * write.byteEnable.width === width && width > 8) return;
  throw new CeladonError(
    `${name}: the byte enable must have 1 bit for each of 2 bytes or more, ` +
      `not ${write.byteEnable.describe()} for a word of ${width} bits`,
  );
}

function requireSet({ name, source }: Signal): void {
  const value = source.kind === 'wire' ? source.driver : source.kind === 'register' && source.next;
  if (value) return;
  throw new CeladonError(`${name}: a ${source.kind} must have a value, not none`, {
    hint: `call ${name}.set(value)`,
  });
}

/** A signal of another module must not be used but through a port. */
function checkOwners(order: readonly Signal[], parts: Parts & { wires: readonly Wire[] }): void {
  const own = new Set<Signal>([
    ...Object.values(parts.inputs),
    ...parts.registers,
    ...parts.wires,
    ...parts.memories.map(({ data }) => data),
    ...parts.instances.flatMap(({ outputs }) => Object.values(outputs)),
  ]);
  for (const signal of order) {
    const { kind } = signal.source;
    const free = kind === 'operation' || kind === 'constant' || kind === 'unknown';
    const alias = kind === 'wire' && !(signal instanceof Wire);
    if (free || alias || own.has(signal)) continue;
    throw new CeladonError(`a signal must be of this module, not ${signal.describe()} of another`, {
      hint: 'pass it through a port',
    });
  }
}

function failOnLoop(loop: readonly Signal[]): never {
  const names = [...loop, loop[0]].map(({ name, source }) => {
    if (source.kind === 'output') return `${source.instance.name}.${source.port}`;
    return name ?? (source.kind === 'operation' ? source.operator : source.kind);
  });
  throw new CeladonError(`a loop must contain a register, not ${names.join(' <- ')}`);
}

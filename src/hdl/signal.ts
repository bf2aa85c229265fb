/**
 * What a module is made of: signals, and the memories, instances and assertions that use them.
 *
 * A signal is a node of a circuit: its width is checked when it is made, and its `source` says where
 * its value comes from. Operations need no module; they belong to the one that reaches them.
 */
import { CeladonError } from '../base/index.ts';
import { Bits, encode } from './bits.ts';
import { Logic, type Operand } from './logic.ts';
import { evaluate, type Operator } from './operators.ts';

/** Port names and their widths. In the generated text `pushValid` becomes `push_valid`. */
export type Ports = Readonly<Record<string, number>>;
/** What a record of ports carries: wires, values, names. */
export type Wires<P, T> = { readonly [K in keyof P]: T };

/** Where a signal's value comes from. */
export type Source =
  | { readonly kind: 'constant'; readonly value: bigint }
  | Operation
  | { readonly kind: 'input' }
  | { readonly kind: 'wire'; driver?: Signal }
  | { readonly kind: 'register'; readonly reset?: bigint; next?: Signal; enable?: Signal }
  | { readonly kind: 'memory'; readonly memory: Memory }
  | { readonly kind: 'output'; readonly instance: Instance; readonly port: string }
  /** An output of an external module without a model: it may depend on every input. */
  | { readonly kind: 'unknown'; readonly inputs: readonly Signal[] };

export interface Operation {
  readonly kind: 'operation';
  readonly operator: Operator;
  readonly operands: readonly Signal[];
  /** The lowest bit of a slice; else 0. */
  readonly low: number;
}

/** A node of a circuit: the interpretation of `Logic` that builds. */
export class Signal extends Logic<Signal> {
  readonly source: Source;
  #name: string | undefined;
  #comment: string | undefined;

  constructor(width: number, source: Source, name?: string, comment?: string) {
    super(width);
    this.source = source;
    this.#name = name;
    this.#comment = comment;
  }

  /** The name it was given, as written in TypeScript. */
  get name(): string | undefined {
    return this.#name;
  }
  get comment(): string | undefined {
    return this.#comment;
  }

  constant(value: number | bigint, width: number = this.width): Signal {
    return constant(width, value);
  }

  /** The same signal, or, if it has a name already, a wire with the new one. */
  named(name: string, comment?: string): Signal {
    const isNew = this.#name === undefined && this.source.kind === 'operation';
    if (!isNew) return new Signal(this.width, { kind: 'wire', driver: this }, name, comment);
    this.#name = name;
    this.#comment = comment;
    return this;
  }

  describe(): string {
    const { source } = this;
    const what = source.kind === 'operation' ? source.operator : source.kind;
    return `${this.width} ${this.width === 1 ? 'bit' : 'bits'} (${this.#name ?? what})`;
  }

  /**
   * An operation on constants is a constant, and a slice of a slice is one slice. So is a comparison
   * that a limit decides, such as less than 0, which Verilator takes for an error.
   */
  protected operate(
    operator: Operator,
    operands: readonly Signal[],
    width: number,
    low = 0,
  ): Signal {
    const values = operands.map(({ width, source }) =>
      source.kind === 'constant' ? new Bits(width, source.value) : undefined,
    );
    if (values.every((value) => value !== undefined)) {
      return constant(width, evaluate(operator, values, width, low));
    }
    if (operator === 'ltU' && isNeverLess(values)) return constant(1, 0);
    const [{ source, name }] = operands;
    if (operator === 'slice' && isSlice(source) && name === undefined) {
      return new Signal(width, { ...source, low: low + source.low });
    }
    return new Signal(width, { kind: 'operation', operator, operands, low });
  }
}

/** Whether a number below the second operand cannot be, or one above the first. */
function isNeverLess([a, b]: readonly (Bits | undefined)[]): boolean {
  return a?.signed === -1n || b?.value === 0n;
}

/** A constant of a circuit. Throws if the value does not fit. */
export function constant(width: number, value: number | bigint): Signal {
  return new Signal(width, { kind: 'constant', value: encode(width, value) });
}

/** Whether a signal is a part of another. */
export function isSlice(source: Source): source is Operation {
  return source.kind === 'operation' && source.operator === 'slice';
}

/** A signal that may be used before its value is known, such as one that closes a loop of handshakes. */
export class Wire extends Signal {
  readonly #source: { readonly kind: 'wire'; driver?: Signal };

  constructor(width: number, name: string, comment?: string) {
    const source = { kind: 'wire' } as const;
    super(width, source, name, comment);
    this.#source = source;
  }

  /** Give the wire its value; exactly once. */
  set(value: Operand<Signal>): void {
    requireUnset(this, this.#source.driver);
    this.#source.driver = driverOf(this, value);
  }
}

/** A signal that changes at the rising edge of the clock. Without a reset value, reset leaves it alone. */
export class Register extends Signal {
  readonly #source: Extract<Source, { kind: 'register' }>;

  constructor(width: number, name: string, reset?: number | bigint, comment?: string) {
    const value = reset === undefined ? {} : { reset: encode(width, reset) };
    const source = { kind: 'register', ...value } as const;
    super(width, source, name, comment);
    this.#source = source;
  }

  /** The value in a cycle with reset, if reset matters. */
  get reset(): bigint | undefined {
    return this.#source.reset;
  }
  /** The value after the next edge; set in every register of a finished module. */
  get next(): Signal {
    return this.#source.next!;
  }
  /** One bit; the register keeps its value where it is 0. */
  get enable(): Signal | undefined {
    return this.#source.enable;
  }

  /** Give the value it takes at each edge, or at each edge where `enable` is 1; exactly once. */
  set(next: Operand<Signal>, enable?: Signal): void {
    requireUnset(this, this.#source.next);
    this.#source.next = driverOf(this, next);
    if (enable !== undefined) this.#source.enable = requireBit(enable, `${this.name}: the enable`);
  }
}

/** Words that are read and written at the rising edge of the clock. */
export interface Memory {
  readonly name: string;
  readonly comment: string | undefined;
  readonly words: number;
  readonly width: number;
  /** Words from address 0 at power-up; the rest is zero. */
  readonly init: readonly bigint[];
  readonly read: MemoryRead;
  readonly write?: MemoryWrite;
  /** What was read at the last edge with the read enabled. */
  readonly data: Signal;
}

/** The read port: the word before a write at the same edge. */
export interface MemoryRead {
  readonly address: Signal;
  /** One bit; always if absent. */
  readonly enable?: Signal;
}
export interface MemoryWrite {
  readonly address: Signal;
  readonly data: Signal;
  readonly enable: Signal;
  /** One bit for each byte of the word, the lowest first: which are written; all if absent. */
  readonly byteEnable?: Signal;
}

/** A module inside another. */
export interface Instance {
  readonly name: string;
  readonly comment: string | undefined;
  readonly module: Module;
  readonly inputs: Readonly<Record<string, Signal>>;
  readonly outputs: Readonly<Record<string, Signal>>;
}

/** A condition that holds at every edge without reset: by the module itself, or by what is around it. */
export interface Assertion {
  readonly kind: 'assert' | 'assume';
  readonly name: string;
  readonly condition: Signal;
}

/** How the file of an external module names what is not in the list of ports. */
export interface External {
  readonly clock?: string;
  readonly reset?: string;
  readonly parameters?: Readonly<Record<string, number>>;
}

/** A finished module: checked, its names chosen. Made by `defineModule`. */
export interface Module<I extends Ports = Ports, O extends Ports = Ports> {
  /** As in the generated text. */
  readonly name: string;
  readonly comment: string | undefined;
  /** Whether tools must leave its instances as they are; see `Definition`. */
  readonly keepHierarchy: boolean;
  readonly inputs: Wires<I, Signal>;
  /** What drives each output. */
  readonly outputs: Wires<O, Signal>;
  readonly registers: readonly Register[];
  readonly memories: readonly Memory[];
  readonly instances: readonly Instance[];
  readonly assertions: readonly Assertion[];
  /** Set if the SystemVerilog is somebody else's, and the circuit here only its model. */
  readonly external: External | undefined;
  /** Whether the text has a `clock`, and a `reset` (synchronous, active high). */
  readonly clock: boolean;
  readonly reset: boolean;
  /** Every signal in use, each after what it depends on within the same cycle. */
  readonly order: readonly Signal[];
  /** The name in the generated text of every signal that has one; the others stand in an expression. */
  readonly names: ReadonlyMap<Signal, string>;
}

/** The signal, which must be one bit; `what` is its role in the error. */
export function requireBit(signal: Signal, what: string): Signal {
  if (signal.width === 1) return signal;
  throw new CeladonError(`${what} must have 1 bit, not ${signal.describe()}`);
}

/** The signal or number as a value for `target`, whose width it must have. */
export function driverOf(target: Signal, value: Operand<Signal>): Signal {
  if (!(value instanceof Signal)) return target.constant(value);
  if (value.width === target.width) return value;
  throw new CeladonError(
    `${target.name}: the value must have ${target.width} bits, not ${value.describe()}`,
  );
}

function requireUnset(target: Signal, driver: Signal | undefined): void {
  if (driver === undefined) return;
  throw new CeladonError(`${target.name}: the value must be given once, not again`);
}

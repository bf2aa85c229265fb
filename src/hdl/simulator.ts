import { CeladonError } from '../base/index.ts';
import { encode } from './bits.ts';
import { compileCircuit, joinWords, splitWords } from './compileCircuit.ts';
import type { CompiledCircuit, MemoryWords } from './compileCircuit.ts';
import type { FlatNode } from './flatten.ts';
import { wordsOf } from './javascriptWide.ts';
import type { Module, Ports, Wires } from './signal.ts';

/** As many names as an error lists; a large design has hundreds of thousands. */
const SHOWN_NAMES = 20;

/** A signal that a simulation shows: its hierarchical name below the top, as in the generated text. */
export interface Probe {
  readonly path: string;
  readonly width: number;
  /** The value now. */
  read(): bigint;
}

/**
 * Runs a module cycle by cycle, from the state at power-up: memories as initialised, all else zero.
 *
 * In a cycle the inputs are given, everything combinational settles, the outputs and all other signals
 * can be read, and then the clock rises.
 */
export class CycleSimulator<I extends Ports, O extends Ports> {
  readonly module: Module<I, O>;
  /** Edges of the clock so far. */
  cycle = 0;
  readonly #circuit: CompiledCircuit;
  readonly #inputs: ReadonlyMap<string, FlatNode>;
  readonly #outputs: readonly (readonly [string, FlatNode])[];
  readonly #observers: ((cycle: number) => void)[] = [];
  #probes: ReadonlyMap<string, Probe> | undefined;
  #settled = false;

  constructor(module: Module<I, O>) {
    this.module = module;
    this.#circuit = compileCircuit(module, (what) => this.#fail(what));
    const { top } = this.#circuit;
    this.#inputs = new Map(
      Object.entries<FlatNode['signal']>(module.inputs).map(([name, signal]) => [
        name,
        top.node(signal),
      ]),
    );
    this.#outputs = Object.entries<FlatNode['signal']>(module.outputs).map(([name, signal]) => {
      return [name, top.resolve(signal)] as const;
    });
  }

  /** One cycle with these inputs, those not given as before (zero at first); its outputs before the edge. */
  step(inputs: Partial<Wires<I, number | bigint>> = {}): Wires<O, bigint> {
    for (const [name, value] of Object.entries(inputs)) this.#set(name, value!);
    this.#settle();
    const outputs = this.#outputs.map(([name, node]) => [name, this.#circuit.read(node)]);
    for (const observe of this.#observers) observe(this.cycle);
    this.#circuit.edge();
    this.cycle += 1;
    this.#settled = false;
    return Object.fromEntries(outputs) as Wires<O, bigint>;
  }

  /** One cycle with reset. */
  reset(inputs: Partial<Wires<I, number | bigint>> = {}): Wires<O, bigint> {
    this.#circuit.write('reset', 1n);
    this.#settled = false;
    try {
      return this.step(inputs);
    } finally {
      this.#circuit.write('reset', 0n);
      this.#settled = false;
    }
  }

  /** All signals with a name, outermost module first. */
  get probes(): readonly Probe[] {
    return [...this.#allProbes().values()];
  }

  /** A signal by its path, as `lane_0.sum`. */
  probe(path: string): Probe {
    const probes = this.#allProbes();
    return probes.get(path) ?? this.#unknown('a signal', path, probes);
  }

  /** Word `address` of a memory by its path. */
  readMemory(path: string, address: number): bigint {
    const { memory, array } = this.#memory(path, address);
    return joinWords(array, address * wordsOf(memory.width), memory.width);
  }

  /** Sets a word of a memory from outside, as a program is loaded. */
  writeMemory(path: string, address: number, value: number | bigint): void {
    const { memory, array } = this.#memory(path, address);
    const { width } = memory;
    splitWords(array, address * wordsOf(width), width, encode(width, value));
  }

  /** Calls `observer` in each cycle before the edge. */
  observe(observer: (cycle: number) => void): void {
    this.#observers.push(observer);
  }

  #set(name: string, value: number | bigint): void {
    const node = this.#inputs.get(name) ?? this.#unknown('an input', name, this.#inputs);
    this.#circuit.write(node, encode(node.signal.width, value));
    this.#settled = false;
  }

  #settle(): void {
    if (this.#settled) return;
    this.#circuit.settle();
    this.#settled = true;
  }

  /** Made when first asked for: a large design has hundreds of thousands. */
  #allProbes(): ReadonlyMap<string, Probe> {
    this.#probes ??= new Map(this.#findProbes().map((probe) => [probe.path, probe]));
    return this.#probes;
  }

  #findProbes(): Probe[] {
    return this.#circuit.top.all().flatMap((scope) =>
      [...scope.module.names].map(([signal, name]): Probe => {
        const node = scope.resolve(signal);
        return {
          path: scope.name(name),
          width: signal.width,
          read: () => {
            this.#settle();
            return this.#circuit.read(node);
          },
        };
      }),
    );
  }

  #memory(path: string, address: number): MemoryWords {
    const { memories } = this.#circuit;
    const found = memories.get(path) ?? this.#unknown('a memory', path, memories);
    const { words } = found.memory;
    if (Number.isInteger(address) && address >= 0 && address < words) return found;
    return this.#fail(`${path}: the address must be from 0 to ${words - 1}, not ${address}`);
  }

  #unknown(what: string, name: string, known: ReadonlyMap<string, unknown>): never {
    const names = [...known.keys()];
    const more = names.length > SHOWN_NAMES ? ` and ${names.length - SHOWN_NAMES} more` : '';
    const listed = names.slice(0, SHOWN_NAMES).join(', ');
    return this.#fail(`${what} must be one of ${listed}${more}, not ${name}`);
  }

  #fail(what: string): never {
    throw new CeladonError(what, { where: `module ${this.module.name}, cycle ${this.cycle}` });
  }
}

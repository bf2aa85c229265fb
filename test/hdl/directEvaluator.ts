/**
 * A module evaluated directly on `Bits`: no order, no compilation, no flattening, only the graph, one
 * signal when it is asked for. The judge of the compiled simulator on whole circuits.
 */
import { Bits, type Instance, type Memory, type Module, type Signal } from '../../src/hdl/index.ts';
import { evaluate } from '../../src/hdl/operators.ts';

export class DirectEvaluator {
  readonly module: Module;
  readonly #state = new Map<Signal, Bits>();
  readonly #words = new Map<Memory, Bits[]>();
  readonly #children = new Map<Instance, DirectEvaluator>();
  #input: (signal: Signal) => Bits = () => {
    throw new Error('a step must begin first');
  };
  #known = new Map<Signal, Bits>();

  constructor(module: Module) {
    this.module = module;
    for (const register of module.registers) this.#state.set(register, new Bits(register.width, 0));
    for (const memory of module.memories) {
      const { words, width, init, data } = memory;
      const word = (_: unknown, i: number): Bits => new Bits(width, init[i] ?? 0n);
      this.#words.set(memory, Array.from({ length: words }, word));
      this.#state.set(data, new Bits(width, 0));
    }
    for (const instance of module.instances) {
      this.#children.set(instance, new DirectEvaluator(instance.module));
    }
  }

  /** One cycle; the outputs before its edge. */
  step(inputs: Readonly<Record<string, bigint>>, reset: boolean): Record<string, bigint> {
    const ports = Object.entries(this.module.inputs);
    const values = new Map(ports.map(([port, s]) => [s, new Bits(s.width, inputs[port])]));
    this.#begin((signal) => values.get(signal)!);
    const outputs = Object.entries(this.module.outputs).map(([port, signal]) => {
      return [port, this.#value(signal).value] as const;
    });
    for (const change of this.#changes(reset)) change();
    return Object.fromEntries(outputs);
  }

  #begin(input: (signal: Signal) => Bits): void {
    this.#input = input;
    this.#known = new Map();
    for (const [{ module, inputs }, child] of this.#children) {
      const drivers = Object.entries(inputs).map(([port, s]) => [module.inputs[port], s] as const);
      const driverOf = new Map(drivers);
      child.#begin((signal) => this.#value(driverOf.get(signal)!));
    }
  }

  #value(signal: Signal): Bits {
    const value = this.#known.get(signal) ?? this.#evaluate(signal);
    this.#known.set(signal, value);
    return value;
  }

  #evaluate(signal: Signal): Bits {
    const { source, width } = signal;
    switch (source.kind) {
      case 'constant':
        return new Bits(width, source.value);
      case 'operation': {
        const operands = source.operands.map((operand) => this.#value(operand));
        return new Bits(width, evaluate(source.operator, operands, width, source.low));
      }
      case 'input':
        return this.#input(signal);
      case 'wire':
        return this.#value(source.driver!);
      case 'output': {
        const child = this.#children.get(source.instance)!;
        return child.#value(child.module.outputs[source.port]);
      }
      case 'unknown':
        throw new Error('an external module without a model cannot be evaluated');
      default:
        return this.#state.get(signal)!;
    }
  }

  /** What the edge does, all of it decided before any of it is done. */
  #changes(reset: boolean): (() => void)[] {
    const { registers, memories } = this.module;
    const isOne = (signal: Signal | undefined): boolean =>
      signal === undefined || this.#value(signal).value === 1n;
    const changes = registers.map((register) => {
      const held = isOne(register.enable) ? this.#value(register.next) : this.#value(register);
      const resets = reset && register.reset !== undefined;
      const next = resets ? new Bits(register.width, register.reset!) : held;
      return () => void this.#state.set(register, next);
    });
    for (const memory of memories) {
      const { read, write, data } = memory;
      const words = this.#words.get(memory)!;
      if (isOne(read.enable)) {
        const word = words[Number(this.#value(read.address).value)];
        changes.push(() => void this.#state.set(data, word));
      }
      if (write && isOne(write.enable)) {
        const [address, word] = [this.#value(write.address), this.#value(write.data)];
        changes.push(() => void (words[Number(address.value)] = word));
      }
    }
    return [...changes, ...[...this.#children.values()].flatMap((child) => child.#changes(reset))];
  }
}

/**
 * A netlist against its module: the same random inputs in the netlist and in the cycle simulator must
 * give the same outputs in every cycle.
 */
import { Random } from '../../src/base/index.ts';
import { CycleSimulator, type Module } from '../../src/hdl/index.ts';
import { snakeCase } from '../../src/hdl/names.ts';
import { setInputs, type Operands } from './energy.ts';
import type { Netlist } from './netlist.ts';

/** The copies a netlist simulates side by side. */
const COPIES = 32;

/**
 * Cycles that are not compared: what flops without reset hold at power-up is undefined, so synthesis may
 * replace one whose input is constant. Longer than any pipeline of a leaf unit.
 */
const UNDEFINED_CYCLES = 16;

/** A cycle in which they differ. */
export interface Difference {
  readonly cycle: number;
  readonly inputs: Operands;
  readonly output: string;
  readonly expected: bigint;
  readonly found: bigint;
}

export interface Comparison {
  readonly vectors: number;
  readonly seed: number;
  /** Inputs that must stay below a number, as the address of a memory. */
  readonly below?: Readonly<Record<string, number>>;
}

/**
 * Runs `vectors` inputs, rounded up to 32 at a time, after one cycle of reset; returns the first
 * difference, or undefined. The netlist must be fresh.
 */
export function findDifference(
  module: Module,
  netlist: Netlist,
  { vectors, seed, below = {} }: Comparison,
): Difference | undefined {
  const random = new Random(seed);
  const sequential = module.clock;
  const simulators = Array.from(
    { length: sequential ? COPIES : 1 },
    () => new CycleSimulator(module),
  );
  let inputs = simulators.map(() => zeroInputs(module));
  if (module.reset) resetAll(netlist, simulators, inputs);
  for (let cycle = -UNDEFINED_CYCLES; cycle * COPIES < vectors; cycle++) {
    inputs = Array.from({ length: COPIES }, (_, copy) =>
      randomInputs(module, random, inputs[copy % inputs.length]!, below),
    );
    setInputs(netlist, (copy) => inputs[copy]!);
    netlist.settle();
    const expected = inputs.map((values, copy) =>
      simulators[copy % simulators.length]!.step(asModule(module, values)),
    );
    const difference = cycle < 0 ? undefined : compare(module, netlist, expected);
    if (difference) return { cycle, inputs: inputs[difference.copy]!, ...difference };
    netlist.edge();
  }
  return undefined;
}

function resetAll(
  netlist: Netlist,
  simulators: readonly CycleSimulator<
    Readonly<Record<string, number>>,
    Readonly<Record<string, number>>
  >[],
  inputs: readonly Operands[],
): void {
  for (const simulator of simulators) simulator.reset();
  setInputs(netlist, () => ({ ...inputs[0], reset: 1n }));
  netlist.settle();
  netlist.edge();
  setInputs(netlist, () => ({ reset: 0n }));
}

function compare(
  module: Module,
  netlist: Netlist,
  expected: readonly Readonly<Record<string, bigint>>[],
): (Pick<Difference, 'output' | 'expected' | 'found'> & { copy: number }) | undefined {
  for (const output of Object.keys(module.outputs)) {
    const words = netlist.output(snakeCase(output));
    for (const [copy, values] of expected.entries()) {
      const found = words.reduce(
        (sum, word, i) => sum | (BigInt((word >>> copy) & 1) << BigInt(i)),
        0n,
      );
      if (found !== values[output]) return { copy, output, expected: values[output]!, found };
    }
  }
  return undefined;
}

/** Inputs by the names of the netlist. */
function zeroInputs(module: Module): Operands {
  return Object.fromEntries(Object.keys(module.inputs).map((name) => [snakeCase(name), 0n]));
}

function asModule(module: Module, inputs: Operands): Record<string, bigint> {
  return Object.fromEntries(
    Object.keys(module.inputs).map((name) => [name, inputs[snakeCase(name)]!]),
  );
}

/**
 * Any bits; or, so that operands come near each other, the last ones with a few bits changed; or runs
 * of equal bits, as extreme values have.
 */
function randomInputs(
  module: Module,
  random: Random,
  last: Operands,
  below: Readonly<Record<string, number>>,
): Operands {
  const entries = Object.entries(module.inputs).map(([name, { width }]) => {
    const port = snakeCase(name);
    if (below[name] !== undefined) return [port, BigInt(random.int(below[name]))];
    const kind = random.int(4);
    if (kind === 0) return [port, last[port]! ^ (1n << BigInt(random.int(width)))];
    return [port, kind === 1 ? randomRuns(random, width) : randomBits(random, width)];
  });
  return Object.fromEntries(entries) as Operands;
}

function randomBits(random: Random, width: number): bigint {
  let value = 0n;
  for (let i = 0; i < width; i += 32) value = (value << 32n) | BigInt(random.uint32());
  return BigInt.asUintN(width, value);
}

function randomRuns(random: Random, width: number): bigint {
  let value = 0n;
  for (let at = 0; at < width;) {
    const length = 1 + random.int(12);
    const bits = random.int(2) === 1 ? (1n << BigInt(length)) - 1n : 0n;
    value |= bits << BigInt(at);
    at += length;
  }
  return BigInt.asUintN(width, value);
}

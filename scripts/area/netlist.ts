/**
 * A netlist of library cells, as Yosys writes it, compiled to JavaScript.
 *
 * One bit of a word is one simulation: 32 run side by side, each with its own inputs and flops. There
 * are no delays, so a net changes at most once a cycle and glitches do not exist.
 */
import { javascriptOf } from '../../src/cost/synthesis/cellFunction.ts';
import type { Cell } from '../../src/cost/synthesis/index.ts';
import type { Bit, CellJson, NetlistJson } from '../../src/cost/synthesis/netlistJson.ts';

/** A cell in its place: for each of its pins the index of a net. */
export interface Placed {
  readonly cell: Cell;
  readonly inputs: readonly number[];
  /** Net of the output, or the flop's state when nothing is connected. */
  readonly output: number;
}

/** Nets 0 and 1 are the constants. */
const ZERO = 0;
const ONE = 1;
/** Cells in one compiled function: engines do not optimise functions that are very long. */
const CHUNK = 400;

/** Simulates 32 copies of a module. */
export class Netlist {
  readonly placed: readonly Placed[];
  /** Values of the nets, a bit for each copy. */
  readonly values: Int32Array;
  readonly inputs: ReadonlyMap<string, readonly number[]>;
  readonly outputs: ReadonlyMap<string, readonly number[]>;
  readonly #settle: readonly ((v: Int32Array) => void)[];
  readonly #next: readonly ((v: Int32Array, next: Int32Array) => void)[];
  readonly #flops: readonly Placed[];
  readonly #state: Int32Array;

  /** Throws if a cell is not of the library, or if gates form a loop. */
  constructor(json: NetlistJson, cells: ReadonlyMap<string, Cell>) {
    const nets = new Nets();
    this.placed = Object.entries(json.cells).map(([name, cell]) => place(name, cell, cells, nets));
    this.inputs = portsOf(json, 'input', nets);
    this.outputs = portsOf(json, 'output', nets);
    this.values = new Int32Array(nets.count);
    const gates = this.placed.filter(({ cell }) => cell.flop === undefined);
    this.#flops = this.placed.filter(({ cell }) => cell.flop !== undefined);
    this.#state = new Int32Array(this.#flops.length);
    this.#settle = compile(inOrder(gates), ['v'], (gate) => {
      return `v[${gate.output}] = ${javascriptOf(gate.cell.function, netOf(gate))};`;
    });
    this.#next = compile([...this.#flops.entries()], ['v', 'next'], ([i, flop]) => {
      return `next[${i}] = ${javascriptOf(flop.cell.flop!.next, netOf(flop))};`;
    });
    // At power-up all outputs are 0, as in the cycle simulator, also of flops that store the inverse.
    for (const part of this.#next) part(this.values, this.#state);
    this.values[ONE] = -1;
    this.#showState();
  }

  /** Gives the bits of an input port, the lowest first, a word of 32 copies each. */
  setInput(port: string, words: ArrayLike<number>): void {
    const nets = this.inputs.get(port);
    if (nets === undefined) throw new Error(`the netlist must have an input ${port}`);
    nets.forEach((net, i) => (this.values[net] = words[i]!));
  }

  /** The bits of an output port, the lowest first. */
  output(port: string): Int32Array {
    return Int32Array.from(this.outputs.get(port)!, (net) => this.values[net]!);
  }

  /** All gates follow the inputs and the flops. */
  settle(): void {
    for (const part of this.#settle) part(this.values);
  }

  /** A rising edge of the clock. */
  edge(): void {
    for (const part of this.#next) part(this.values, this.#state);
    this.#showState();
  }

  #showState(): void {
    this.#flops.forEach(({ cell, output }, i) => {
      const inverted = cell.function === cell.flop!.inverse;
      this.values[output] = inverted ? ~this.#state[i]! : this.#state[i]!;
    });
  }
}

/** Gives the nets of Yosys places in an array. */
class Nets {
  count = 2;
  readonly #known = new Map<number, number>();

  of(bit: Bit | undefined): number {
    if (bit === undefined) return this.add();
    if (typeof bit !== 'number') return bit === '1' ? ONE : ZERO;
    const found = this.#known.get(bit);
    if (found !== undefined) return found;
    const added = this.add();
    this.#known.set(bit, added);
    return added;
  }

  add(): number {
    this.count += 1;
    return this.count - 1;
  }
}

function place(
  name: string,
  { type, connections }: CellJson,
  cells: ReadonlyMap<string, Cell>,
  nets: Nets,
): Placed {
  const cell = cells.get(type);
  if (cell === undefined) throw new Error(`cell ${name} must be of the library, not a ${type}`);
  return {
    cell,
    inputs: cell.inputs.map((pin) => nets.of(connections[pin.name]?.[0])),
    output: nets.of(connections[cell.output]?.[0]),
  };
}

function portsOf(json: NetlistJson, direction: string, nets: Nets): Map<string, readonly number[]> {
  const ports = Object.entries(json.ports).filter(([, port]) => port.direction === direction);
  return new Map(ports.map(([name, { bits }]) => [name, bits.map((bit) => nets.of(bit))]));
}

function netOf({ cell, inputs }: Placed): (pin: string) => string {
  return (pin) => {
    const index = cell.inputs.findIndex(({ name }) => name === pin);
    if (index < 0) throw new Error(`${cell.name}: a function must be of inputs, not of ${pin}`);
    return `v[${inputs[index]!}]`;
  };
}

/** Gates after those that drive them. */
function inOrder(gates: readonly Placed[]): Placed[] {
  const drivers = new Map(gates.map((gate) => [gate.output, gate]));
  const order: Placed[] = [];
  const state = new Map<Placed, 'open' | 'done'>();
  for (const gate of gates) {
    const stack = [gate];
    while (stack.length > 0) {
      const top = stack.at(-1)!;
      if (state.get(top) === undefined) {
        state.set(top, 'open');
        for (const net of top.inputs) {
          const driver = drivers.get(net);
          if (driver === undefined || state.get(driver) === 'done') continue;
          if (state.get(driver) === 'open') throw new Error('gates must not form a loop');
          stack.push(driver);
        }
        continue;
      }
      stack.pop();
      if (state.get(top) === 'open') order.push(top);
      state.set(top, 'done');
    }
  }
  return order;
}

/** A function for each chunk of the items' statements. */
function compile<T, F>(
  items: readonly T[],
  parameters: readonly string[],
  statement: (item: T) => string,
): F[] {
  const lines = items.map(statement);
  const count = Math.ceil(lines.length / CHUNK);
  return Array.from({ length: count }, (_, i) => {
    const body = lines.slice(i * CHUNK, (i + 1) * CHUNK).join('\n');
    return new Function(...parameters, body) as F;
  });
}

/**
 * Energy from toggles: a netlist runs a stream of operands, and each change of a net costs what the
 * library says.
 *
 * - an output that changes: the energy inside its cell at its load, and half of C · V² of the pins it
 *   drives;
 * - an input pin that changes while the output of its gate does not: the energy of the pin;
 * - a flop in every cycle: two edges of its clock pin, and charging that pin.
 *
 * There are no wires, no clock tree and no glitches, so this is a lower bound; leakage is not in it.
 */
import type { Netlist, Placed } from './netlist.ts';

/** Values of all inputs in one cycle, by port as the netlist calls it. */
export type Operands = Readonly<Record<string, bigint>>;

/** Energies of one net or pin. */
interface Cost {
  readonly net: number;
  readonly fj: number;
}
interface PinCost extends Cost {
  /** The output that must not change for the pin to count. */
  readonly unless: number;
}

/** Copies of a netlist that run side by side. */
const COPIES = 32;

/**
 * Energy a cycle in fJ over `stream`, of which each of the 32 copies runs a piece. A piece starts where
 * the one before ends, and the first `warmup` cycles of each are not counted.
 */
export function energyPerCycle(
  netlist: Netlist,
  stream: readonly Operands[],
  volts: number,
  warmup: number,
): number {
  const { nets, pins, clockFj } = costsOf(netlist, volts);
  const piece = Math.floor(stream.length / COPIES);
  const before = new Int32Array(netlist.values.length);
  let total = 0;
  for (let cycle = 0; cycle < piece; cycle++) {
    setInputs(netlist, (copy) => stream[copy * piece + cycle]!);
    netlist.settle();
    if (cycle > warmup) total += energyOfChange(before, netlist.values, nets, pins);
    before.set(netlist.values);
    netlist.edge();
  }
  return total / ((piece - warmup - 1) * COPIES) + clockFj;
}

function energyOfChange(
  before: Int32Array,
  after: Int32Array,
  nets: readonly Cost[],
  pins: readonly PinCost[],
): number {
  let total = 0;
  for (const { net, fj } of nets) total += fj * ones(before[net]! ^ after[net]!);
  for (const { net, unless, fj } of pins) {
    total += fj * ones((before[net]! ^ after[net]!) & ~(before[unless]! ^ after[unless]!));
  }
  return total;
}

/** Bits that are 1. */
export function ones(word: number): number {
  let n = word - ((word >>> 1) & 0x55555555);
  n = (n & 0x33333333) + ((n >>> 2) & 0x33333333);
  return Math.imul((n + (n >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

/** Gives each of the copies its operands. */
export function setInputs(netlist: Netlist, operandsOf: (copy: number) => Operands): void {
  const copies = Array.from({ length: COPIES }, (_, copy) => operandsOf(copy));
  for (const [port, nets] of netlist.inputs) {
    if (copies[0]![port] === undefined) continue;
    netlist.setInput(
      port,
      transpose(
        copies.map((operands) => operands[port]!),
        nets.length,
      ),
    );
  }
}

/** A word for each bit, holding that bit of all values. */
function transpose(values: readonly bigint[], width: number): Int32Array {
  const words = new Int32Array(width);
  values.forEach((value, copy) => {
    const digits = value.toString(16);
    for (let i = 0; i < digits.length; i++) {
      const nibble = Number.parseInt(digits[digits.length - 1 - i]!, 16);
      for (let bit = 0; bit < 4 && 4 * i + bit < width; bit++) {
        words[4 * i + bit]! |= ((nibble >> bit) & 1) << copy;
      }
    }
  });
  return words;
}

function costsOf(
  { placed, inputs }: Netlist,
  volts: number,
): { nets: Cost[]; pins: PinCost[]; clockFj: number } {
  const load = new Map<number, number>();
  for (const { cell, inputs: connected } of placed) {
    connected.forEach((net, i) => {
      load.set(net, (load.get(net) ?? 0) + cell.inputs[i]!.capacitanceFf);
    });
  }
  const charging = (net: number): number => 0.5 * (load.get(net) ?? 0) * volts ** 2;
  const clocks = new Set([...inputs].flatMap(([port, nets]) => (port === 'clock' ? nets : [])));
  const driven = placed.map(({ cell, output }) => {
    return { net: output, fj: cell.energy(load.get(output) ?? 0) + charging(output) };
  });
  const fromOutside = [...inputs.values()].flat().filter((net) => !clocks.has(net));
  return {
    nets: [...driven, ...fromOutside.map((net) => ({ net, fj: charging(net) }))],
    pins: placed.flatMap((gate) => pinCosts(gate, clocks)),
    clockFj: [...clocks].reduce((sum, net) => sum + 2 * charging(net), clockPins(placed)),
  };
}

function pinCosts({ cell, inputs, output }: Placed, clocks: ReadonlySet<number>): PinCost[] {
  return cell.inputs.flatMap(({ energy }, i) => {
    const [net, fj] = [inputs[i]!, energy(0)];
    if (fj === 0 || clocks.has(net)) return [];
    return [{ net, fj, unless: cell.flop ? 0 : output }]; // net 0 never changes
  });
}

/** Both edges of the clock inside all flops. */
function clockPins(placed: readonly Placed[]): number {
  return placed.reduce((sum, { cell: { flop, inputs } }) => {
    const clock = inputs.find(({ name }) => name === flop?.clock);
    return sum + 2 * (clock?.energy(0) ?? 0);
  }, 0);
}

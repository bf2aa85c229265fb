/**
 * A standard-cell library: of its Liberty files the cells that synthesis may use, in SI-like units
 * (um2, fF, fJ, nW, ps), and the text that Yosys and ABC read.
 *
 * Left out: scan flops, latches, clock gates, tri-states, isolation and level shifters, fillers, cells
 * with more than one output (ABC cannot map to them), and all flops but the smallest plain one.
 */
import { FormatError } from '../../base/index.ts';
import { pinsOf } from './cellFunction.ts';
import { groupsNamed, numberOf, parseLiberty, printLiberty, textOf, unquote } from './liberty.ts';
import type { LibertyGroup } from './liberty.ts';
import { meanDelayPs, powerTables, type PowerTable } from './tables.ts';

/** A pin that is read. */
export interface InputPin {
  readonly name: string;
  readonly capacitanceFf: number;
  /** Energy of a toggle of the pin alone. */
  readonly energy: PowerTable;
}

/** A flip-flop: what it becomes at a rising edge. Its output is the state, or the inverse of it. */
export interface Flop {
  readonly clock: string;
  /** A function of pins and of the state's names. */
  readonly next: string;
  readonly state: string;
  readonly inverse: string;
}

/** A cell with one output. */
export interface Cell {
  readonly name: string;
  readonly areaUm2: number;
  readonly leakageNw: number;
  readonly inputs: readonly InputPin[];
  readonly output: string;
  /** A function of the inputs, or of a flop's state. */
  readonly function: string;
  /** Energy of a toggle of the output inside the cell, by the load. */
  readonly energy: PowerTable;
  readonly flop?: Flop;
}

/** What a library is, and its cells by name. */
export interface CellLibrary {
  readonly names: readonly string[];
  readonly volts: number;
  readonly celsius: number;
  readonly cells: ReadonlyMap<string, Cell>;
  readonly flop: Cell;
  /** Clock to output plus setup of the flop, loaded with four of itself. */
  readonly flopOverheadPs: number;
  /** The pruned library as one Liberty file. */
  readonly text: string;
}

/** How a library measures. */
export interface Units {
  readonly ff: number;
  readonly nw: number;
  readonly ps: number;
}

/** Reads the Liberty files of one library as if they were one. Throws if it has no flop. */
export function readLibrary(texts: readonly string[]): CellLibrary {
  const parts = texts.map(parseLiberty);
  const library = merge(parts);
  const units = unitsOf(library);
  const usable = groupsNamed(library, 'cell').filter(isUsable);
  const flop = withOneOutput(smallestFlop(usable));
  const kept = [...usable.filter((cell) => !isFlop(cell)), flop];
  const cells = new Map(kept.map((cell) => [unquote(cell.args[0]!), readCell(cell, units)]));
  return {
    names: parts.map(({ args }) => unquote(args[0]!)),
    volts: numberOf(library, 'nom_voltage')!,
    celsius: numberOf(library, 'nom_temperature')!,
    cells,
    flop: cells.get(unquote(flop.args[0]!))!,
    flopOverheadPs: flopOverhead(flop, units),
    text: synthesisText(library, kept),
  };
}

/** One library with the header of the first and all that the others add. */
function merge(parts: readonly LibertyGroup[]): LibertyGroup {
  const [first] = parts;
  const named = new Map<string, LibertyGroup>();
  for (const group of parts.flatMap(({ groups }) => groups)) {
    named.set(`${group.name} ${group.args.join()}`, group);
  }
  return { ...first!, groups: [...named.values()] };
}

const SCALES: Readonly<Record<string, number>> = { f: 1e-15, p: 1e-12, n: 1e-9, u: 1e-6, m: 1e-3 };

function unitsOf(library: LibertyGroup): Units {
  const [size, unit] = library.lists.find(({ key }) => key === 'capacitive_load_unit')!.values;
  const scaleOf = (key: string): number => {
    const [, number, prefix] = /^([\d.]+)([a-z])/.exec(textOf(library, key)!)!;
    return Number(number) * SCALES[prefix!]!;
  };
  return {
    ff: (Number(size) * SCALES[unquote(unit!).toLowerCase()[0]!]!) / 1e-15,
    nw: scaleOf('leakage_power_unit') / 1e-9,
    ps: scaleOf('time_unit') / 1e-12,
  };
}

/** What marks cells that are no plain logic. */
const SPECIAL_GROUPS = ['latch', 'statetable', 'test_cell'];
const SPECIAL_ATTRIBUTES = [
  'clock_gating_integrated_cell',
  'is_isolation_cell',
  'is_level_shifter',
  'always_on',
];
/** Cells that only their names tell: delays, probes, diodes, spare cells, clock buffers. */
const SPECIAL_NAMES =
  /lpflow|dlygate|dlymetal|clkdly|clkbuf|clkinv|probe|sparecell|diode|antenna|hold/i;

function isUsable(cell: LibertyGroup): boolean {
  const outputs = outputPins(cell);
  return (
    !cell.groups.some(({ name }) => SPECIAL_GROUPS.includes(name)) &&
    !SPECIAL_ATTRIBUTES.some((key) => cell.attributes.has(key)) &&
    !SPECIAL_NAMES.test(cell.args[0]!) &&
    textOf(cell, 'dont_use') !== 'true' &&
    outputs.length > 0 &&
    outputs.every((pin) => pin.attributes.has('function') && !pin.attributes.has('three_state')) &&
    (outputs.length === 1 || isFlop(cell))
  );
}

function isFlop(cell: LibertyGroup): boolean {
  return groupsNamed(cell, 'ff').length > 0;
}

function outputPins(cell: LibertyGroup): LibertyGroup[] {
  return groupsNamed(cell, 'pin').filter((pin) => textOf(pin, 'direction') === 'output');
}

/** The smallest flop on the rising edge with one data pin and one output; without reset if there is one. */
function smallestFlop(cells: readonly LibertyGroup[]): LibertyGroup {
  const plain = cells.filter((cell) => {
    const [ff] = groupsNamed(cell, 'ff');
    if (ff === undefined) return false;
    const rising = /^\w+$/.test(textOf(ff, 'clocked_on')!);
    return rising && pinsOf(textOf(ff, 'next_state')!).size === 1;
  });
  const asynchronous = (cell: LibertyGroup): number => {
    const { attributes } = groupsNamed(cell, 'ff')[0]!;
    return Number(attributes.has('clear')) + Number(attributes.has('preset'));
  };
  const order = plain.toSorted(
    (a, b) => asynchronous(a) - asynchronous(b) || numberOf(a, 'area')! - numberOf(b, 'area')!,
  );
  if (order[0] === undefined)
    throw new FormatError('a library must have a flip-flop, but there is none');
  return order[0];
}

/** Without an inverted second output: what is not there, synthesis cannot use. */
function withOneOutput(cell: LibertyGroup): LibertyGroup {
  const [, ...others] = outputPins(cell);
  return { ...cell, groups: cell.groups.filter((group) => !others.includes(group)) };
}

function readCell(cell: LibertyGroup, units: Units): Cell {
  const pins = groupsNamed(cell, 'pin');
  const [output] = outputPins(cell);
  const [ff] = groupsNamed(cell, 'ff');
  const inputs = pins.filter((pin) => textOf(pin, 'direction') === 'input');
  return {
    name: unquote(cell.args[0]!),
    areaUm2: numberOf(cell, 'area')!,
    leakageNw: leakageOf(cell) * units.nw,
    inputs: inputs.map((pin) => ({
      name: unquote(pin.args[0]!),
      capacitanceFf: (numberOf(pin, 'capacitance') ?? 0) * units.ff,
      energy: powerTables(pin, units),
    })),
    output: unquote(output!.args[0]!),
    function: textOf(output!, 'function')!,
    energy: powerTables(output!, units),
    ...(ff && {
      flop: {
        clock: textOf(ff, 'clocked_on')!,
        next: textOf(ff, 'next_state')!,
        state: unquote(ff.args[0]!),
        inverse: unquote(ff.args[1]!),
      },
    }),
  };
}

/** As stated for the cell, else the mean over the states of its inputs, in the library's unit. */
function leakageOf(cell: LibertyGroup): number {
  const stated = numberOf(cell, 'cell_leakage_power');
  if (stated !== undefined) return stated;
  const bySupply = Map.groupBy(groupsNamed(cell, 'leakage_power'), (group) =>
    textOf(group, 'related_pg_pin'),
  );
  const means = [...bySupply.values()].map((groups) => {
    return groups.reduce((sum, group) => sum + numberOf(group, 'value')!, 0) / groups.length;
  });
  return Math.max(0, ...means); // the same current leaves the supply and reaches the ground
}

/** Clock to output, and setup. */
function flopOverhead(cell: LibertyGroup, units: Units): number {
  const clock = textOf(groupsNamed(cell, 'ff')[0]!, 'clocked_on')!;
  const data = groupsNamed(cell, 'pin').find((pin) => {
    return groupsNamed(pin, 'timing').some((arc) => textOf(arc, 'timing_type') === 'setup_rising');
  })!;
  const load = 4 * numberOf(data, 'capacitance')!;
  const arcs = (pin: LibertyGroup, type: string): LibertyGroup[] =>
    groupsNamed(pin, 'timing').filter(
      (arc) => textOf(arc, 'timing_type') === type && textOf(arc, 'related_pin') === clock,
    );
  const toOutput = meanDelayPs(arcs(outputPins(cell)[0]!, 'rising_edge'), load, units);
  return toOutput + meanDelayPs(arcs(data, 'setup_rising'), undefined, units);
}

/** Groups that Yosys and ABC use. */
const SYNTHESIS_GROUPS = new Set([
  ...['library', 'cell', 'pin', 'ff', 'timing', 'lu_table_template', 'operating_conditions'],
  ...['cell_rise', 'cell_fall', 'rise_transition', 'fall_transition'],
]);

function synthesisText(library: LibertyGroup, cells: readonly LibertyGroup[]): string {
  const groups = [...library.groups.filter(({ name }) => name !== 'cell'), ...cells];
  return printLiberty({ ...library, groups }, ({ name }) => SYNTHESIS_GROUPS.has(name));
}

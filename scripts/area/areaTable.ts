/**
 * npm run area-table -- --pdk DIR [--node ID]... [--unit NAME]...: writes catalogue/silicon/NODE.json.
 *
 * For each node its Liberty files become one library; each unit is printed as SystemVerilog,
 * synthesised by Yosys, compared with its RTL on random inputs, and its area, delay and energy measured.
 * With --unit only those units are made anew, the others stay as they are in the file.
 */
import fs from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import {
  parseSilicon,
  siliconNodeSchema,
  type SiliconNode,
  type SiliconUnit,
} from '../../src/chip/index.ts';
import {
  findYosys,
  measureCells,
  readLiberty,
  readLibrary,
  RECIPE,
  rounded,
  synthesise,
  type Cell,
  type CellLibrary,
} from '../../src/cost/synthesis/index.ts';
import { root } from '../tree.ts';
import { measureEnergy, requireEqual } from './measure.ts';
import { NODES, type Node } from './nodes.table.ts';
import { operatorUnits } from './operators.ts';
import { record, type Recording } from './recording.ts';
import { leafUnits, type LeafUnit } from './units.ts';

/** Where results of Yosys are kept. */
const CACHE = path.join(root, '.celadon', 'area');
const FOLDER = path.join(root, 'catalogue', 'silicon');
/** Random inputs on which a netlist must equal its RTL. */
const VECTORS = 100_000;

interface Request {
  readonly pdk: string;
  readonly nodes: readonly Node[];
  readonly units: readonly LeafUnit[];
}

async function main(): Promise<void> {
  const { pdk, nodes, units } = readArguments();
  const libraries = new Map(nodes.map((node) => [node.id, libraryOf(node, pdk)]));
  const { tool } = await findYosys();
  const tables = new Map(
    nodes.map((node) => [node.id, startTable(node, libraries.get(node.id)!, pdk, tool)]),
  );
  await addOperators(libraries, tables);
  for (const unit of units) {
    await addUnit(unit, libraries, tables);
    for (const table of tables.values()) writeTable(table);
  }
}

function readArguments(): Request {
  const { values } = parseArgs({
    options: {
      pdk: { type: 'string' },
      node: { type: 'string', multiple: true },
      unit: { type: 'string', multiple: true },
    },
  });
  if (values.pdk === undefined)
    throw new Error('the folder of Liberty files is required: --pdk DIR');
  const { node = NODES.map(({ id }) => id), unit } = values;
  return {
    pdk: values.pdk,
    nodes: NODES.filter(({ id }) => node.includes(id)),
    units: leafUnits().filter(({ name }) => unit?.includes(name) ?? true),
  };
}

function filesOf({ id, files }: Node, pdk: string): string[] {
  const found = fs
    .readdirSync(pdk)
    .filter((file) => files.test(file))
    .toSorted();
  if (found.length === 0) throw new Error(`${pdk} must have files like ${files} for ${id}`);
  return found;
}

function libraryOf(node: Node, pdk: string): CellLibrary {
  return readLibrary(readLiberty(pdk, filesOf(node, pdk)));
}

type Table = Omit<SiliconNode, 'operatorUm2' | 'units'> & {
  readonly operatorUm2: Record<string, number>;
  readonly units: Record<string, SiliconUnit>;
};

/** All but units and operators; units that the file of the node has already. */
function startTable(node: Node, library: CellLibrary, pdk: string, tool: string): Table {
  const { id, name, nanometres, kind, upstream, licence, citation } = node;
  return {
    id,
    name,
    nanometres,
    kind,
    stage: 'pre-layout',
    library: { names: [...library.names], files: filesOf(node, pdk), upstream, licence, citation },
    corner: { process: 'typical', volts: library.volts, celsius: library.celsius },
    made: {
      command: 'npm run area-table -- --pdk DIR',
      date: new Date().toISOString().slice(0, 10),
      tool,
      ...RECIPE,
      verifiedVectors: VECTORS,
    },
    ...basicCells(library),
    operatorUm2: {},
    units: knownUnits(id),
  };
}

function knownUnits(id: string): Record<string, SiliconUnit> {
  const file = path.join(FOLDER, `${id}.json`);
  if (!fs.existsSync(file)) return {};
  const names = new Set(leafUnits().map(({ name }) => name));
  const { units } = parseSilicon(
    siliconNodeSchema,
    JSON.parse(fs.readFileSync(file, 'utf8')),
    file,
  );
  return Object.fromEntries(Object.entries(units).filter(([name]) => names.has(name)));
}

function basicCells(library: CellLibrary): Pick<SiliconNode, 'flop' | 'nand2'> {
  const { flop, flopOverheadPs, cells } = library;
  const clock = flop.inputs.find(({ name }) => name === flop.flop!.clock)!;
  const data = flop.inputs.find(({ name }) => flop.flop!.next.includes(name))!;
  const charging = (farads: number): number => 0.5 * farads * library.volts ** 2;
  const nand2 = smallestNand2(cells);
  const load = nand2.inputs[0]!.capacitanceFf;
  return {
    flop: {
      cell: flop.name,
      areaUm2: rounded(flop.areaUm2),
      leakageNw: rounded(flop.leakageNw),
      clockFj: rounded(2 * (clock.energy(0) + charging(clock.capacitanceFf))),
      toggleFj: rounded(
        data.energy(0) + flop.energy(data.capacitanceFf) + 2 * charging(data.capacitanceFf),
      ),
      overheadPs: rounded(flopOverheadPs),
    },
    nand2: {
      cell: nand2.name,
      areaUm2: rounded(nand2.areaUm2),
      leakageNw: rounded(nand2.leakageNw),
      toggleFj: rounded(nand2.energy(load) + charging(load)),
    },
  };
}

function smallestNand2(cells: ReadonlyMap<string, Cell>): Cell {
  const gates = [...cells.values()].filter(({ name }) => /nand2_?x?p?[0-9]/i.test(name));
  return gates.reduce((a, b) => (b.areaUm2 < a.areaUm2 ? b : a));
}

async function addOperators(
  libraries: ReadonlyMap<string, CellLibrary>,
  tables: ReadonlyMap<string, Table>,
): Promise<void> {
  for (const { operator, size, module } of operatorUnits()) {
    const results = await synthesise(module, libraries, { cache: CACHE });
    for (const [id, result] of results) {
      const { areaUm2 } = measureCells(result, libraries.get(id)!);
      tables.get(id)!.operatorUm2[operator] = rounded(areaUm2 / size);
    }
    console.error(`operator ${operator}`);
  }
}

const recordings = new Map<string, Recording>();

async function addUnit(
  unit: LeafUnit,
  libraries: ReadonlyMap<string, CellLibrary>,
  tables: ReadonlyMap<string, Table>,
): Promise<void> {
  const { name, module, what, chip, below, operation, operationsPerCycle } = unit;
  const recording = recordings.get(chip) ?? record(chip);
  recordings.set(chip, recording);
  const streams = unit.streams(recording);
  for (const [id, result] of await synthesise(module, libraries, { cache: CACHE })) {
    const library = libraries.get(id)!;
    requireEqual(module, result, library, VECTORS, below);
    const cells = measureCells(result, library);
    const cycleFj = measureEnergy(result, library, streams);
    tables.get(id)!.units[name] = { what, ...cells, cycleFj, operationsPerCycle, operation };
    console.error(`${name} ${id}: ${cells.areaUm2} um2, ${cells.delayPs} ps`);
  }
}

function writeTable(table: Table): void {
  const units = Object.entries(table.units).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const sorted = { ...table, units: Object.fromEntries(units) };
  fs.mkdirSync(FOLDER, { recursive: true });
  const file = path.join(FOLDER, `${table.id}.json`);
  fs.writeFileSync(file, `${JSON.stringify(sorted, null, 2)}\n`);
}

await main();

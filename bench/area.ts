import { chipNames, loadAllSilicon, loadChip, type Silicon } from '../src/chip/index.ts';
import { areaOf, energyOfRun, type AreaReport, type RunEnergy } from '../src/cost/index.ts';
import { loadSiliconBill, type RunStats } from '../src/target/jade/index.ts';
import { JadeBench, MODELS, openModel } from './jade.ts';
import type { Table } from './table.ts';

const TOKENS = 32;
const NOT_MORE = 'Before layout: cells of synthesis, no wires, no clock tree (docs/silicon.md).';

const { activityOf, siliconBill } = await loadSiliconBill();

/** Area, clock and energy of the built-in chips on every node; energy of a token of both demo models. */
export function benchArea(): Table[] {
  return [chipTable(), unitTable(), energyTable()];
}

function chipTable(): Table {
  const rows = chipNames().flatMap((name) => {
    const bill = siliconBill(loadChip(name));
    return loadAllSilicon().map((silicon) => chipRow(areaOf(bill, silicon), name));
  });
  return {
    title: 'Silicon of the built-in chips, before layout',
    notes: [
      `${NOT_MORE} Areas in mm², a MAC in µm². Not in it: AXI ports, the physical layer of the memory outside, pads.`,
      'fmax: by the slowest unit that was synthesised, without wires. pJ/MAC: all columns busy with new weights in each cycle.',
    ],
    columns: [
      'chip',
      'node',
      'cells',
      'memory',
      'placed',
      'matrix cells/MAC',
      'placed/MAC',
      'pJ/MAC',
      'fmax MHz',
      'of',
      'slowest',
    ],
    rows,
  };
}

function chipRow(report: AreaReport, name: string): (string | number)[] {
  const { cellMm2, memoryMm2, placedMm2, matrixCellUm2PerMac, placedUm2PerMac } = report;
  const { fmaxHz, clockHz } = report;
  return [
    name,
    report.node,
    ...[cellMm2, memoryMm2, placedMm2, matrixCellUm2PerMac, placedUm2PerMac].map(digits),
    digits(report.matrixPjPerMac),
    Math.round(fmaxHz / 1e6),
    `${clockHz / 1e6} ${fmaxHz >= clockHz ? 'met' : 'missed'}`,
    report.slowestUnit,
  ];
}

function unitTable(): Table {
  const nodes = loadAllSilicon();
  const names = Object.keys(nodes[0]!.node.units);
  return {
    title: 'Units, before layout',
    notes: ['Cells in µm² · slowest path in ps, without clock to output and setup.'],
    columns: ['unit', ...nodes.map(({ node }) => node.id)],
    rows: names.map((name) => [
      name,
      ...nodes.map(({ node }) => {
        const { areaUm2, delayPs } = node.units[name]!;
        return `${digits(areaUm2)} · ${Math.round(delayPs)}`;
      }),
    ]),
  };
}

function energyTable(): Table {
  const rows = MODELS.flatMap((model) =>
    chipNames().flatMap((chip) => {
      const phases = runPhases(model, chip);
      return loadAllSilicon().flatMap((silicon) => energyRows(model, chip, phases, silicon));
    }),
  );
  return {
    title: 'Energy of a token, before layout',
    notes: [
      `A prompt of ${TOKENS} tokens, then ${TOKENS} one by one, batch 1, on the simulator. ${NOT_MORE} In nJ a token, of the prompt the mean.`,
      'Energy of the memory outside is null: the catalogue has no sourced energy of a bit. Rest: control, DMA, steering of the local memory, positions.',
    ],
    columns: [
      'model',
      'chip',
      'node',
      'phase',
      'matrix',
      'vector',
      'rest',
      'SRAM',
      'leakage',
      'on chip',
      'outside',
      'pJ/MAC on chip',
    ],
    rows,
  };
}

type Phases = Readonly<Record<'prompt' | 'decode', readonly RunStats[]>>;

function runPhases(model: string, chipName: string): Phases {
  const bench = new JadeBench(loadChip(chipName), openModel(model).graph({ logits: 'last' }), 128);
  const piece = Math.min(TOKENS, bench.maxTokens);
  const prompt = Array.from({ length: Math.ceil(TOKENS / piece) }, (_, i) => {
    const length = Math.min(piece, TOKENS - i * piece);
    const tokens = Int32Array.from({ length }, (_, t) => 100 + i * piece + t);
    return bench.step(tokens, i * piece).stats;
  });
  const decode = Array.from(
    { length: TOKENS },
    (_, i) => bench.step(Int32Array.of(300 + i), TOKENS + i).stats,
  );
  return { prompt, decode };
}

function energyRows(
  model: string,
  chipName: string,
  phases: Phases,
  silicon: Silicon,
): (string | number)[][] {
  const chip = loadChip(chipName);
  const report = areaOf(siliconBill(chip), silicon);
  return Object.entries(phases).map(([phase, runs]) => {
    const energies = runs.map((run) => energyOfRun(report, silicon, activityOf(chip, run)));
    const mean = (of: (energy: RunEnergy) => number): number =>
      energies.reduce((sum, energy) => sum + of(energy), 0) / TOKENS;
    const [matrix, vector] = ['matrix', 'vector'].map((part) => mean(({ parts }) => parts[part]!));
    const total = mean(({ total }) => total);
    const macs = runs.reduce((sum, { macs }) => sum + macs, 0) / TOKENS;
    const joules = [
      matrix!,
      vector!,
      mean(({ logic }) => logic) - matrix! - vector!,
      mean(({ memory }) => memory),
      mean(({ leakage }) => leakage),
      total,
    ];
    const cells = joules.map((value) => digits(value * 1e9));
    return [
      model,
      chipName,
      silicon.node.id,
      phase,
      ...cells,
      'null',
      digits((total * 1e12) / macs),
    ];
  });
}

/** Three significant digits. */
function digits(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}

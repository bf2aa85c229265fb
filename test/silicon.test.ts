/** Estimates of area and power against published ones of a machine of the same size. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadChip, loadPublishedSilicon, loadSilicon, type Chip } from '../src/chip/index.ts';
import { areaOf, interpolateNodes, type AreaReport } from '../src/cost/index.ts';
import { loadSiliconBill } from '../src/target/jade/index.ts';

const { siliconBill } = await loadSiliconBill();
const { nvdla } = loadPublishedSilicon();
const { published } = loadSilicon('asap7').factors;
const MACS_PER_COLUMN = 32;
/** Those whose multipliers make a Jade: its matrix unit has 16 columns or more. */
const legal28nm = nvdla.configurations28nm.filter(({ macs }) => macs >= 16 * MACS_PER_COLUMN);
const BANK_BYTES = 16 * 1024;
/** The least that a Jade has; NVDLA's single-point processor writes up to 16 results a cycle. */
const LANES = 32;

/** A Jade with as many multipliers and as much memory, a quarter of it accumulators, banks of 16 KiB. */
function jadeLike(macs: number, bufferKiB: number): Chip {
  const edge = loadChip('jade-edge');
  const sizeBytes = bufferKiB * 1024;
  const memory = (share: number) => ({
    sizeBytes: sizeBytes * share,
    banks: (sizeBytes * share) / BANK_BYTES,
  });
  return {
    ...edge,
    matrix: { ...edge.matrix, columns: macs / MACS_PER_COLUMN },
    vector: { ...edge.vector, lanes: LANES },
    scratchpad: memory(3 / 4),
    accumulator: memory(1 / 4),
  };
}

/** Reports by chip and node: a chip's hardware takes a moment to build. */
const reports = new Map<string, AreaReport>();

function reportOf(macs: number, bufferKiB: number, node: string): AreaReport {
  const key = `${macs} ${bufferKiB} ${node}`;
  const report =
    reports.get(key) ?? areaOf(siliconBill(jadeLike(macs, bufferKiB)), loadSilicon(node));
  reports.set(key, report);
  return report;
}

/** A figure of the report at `nanometres`, between the table's 45 and 7 nm. */
function figure(
  [macs, bufferKiB]: readonly [number, number],
  nanometres: number,
  of: (report: AreaReport) => number,
): number {
  const [coarse, fine] = ['nangate45', 'asap7'].map((id) => ({
    nanometres: loadSilicon(id).node.nanometres,
    value: of(reportOf(macs, bufferKiB, id)),
  }));
  return interpolateNodes(coarse!, fine!, nanometres);
}

/** Cells and memory as synthesis counts them, which is what NVDLA publishes. */
function synthesised(macs: number, bufferKiB: number, nanometres: number): number {
  const size = [macs, bufferKiB] as const;
  const cells = figure(size, nanometres, ({ cellMm2 }) => cellMm2);
  return cells + figure(size, nanometres, ({ memoryMm2 }) => memoryMm2);
}

test("NVDLA's published areas are the stated factor above the cells and memory of a Jade of its size", () => {
  const ratios = [
    ...legal28nm.map((published) => ({ ...published, nanometres: 28 })),
    ...nvdla.configurations16nm.map((published) => ({ ...published, nanometres: 16 })),
  ].map(({ macs, bufferKiB, areaMm2, nanometres }) => {
    return areaMm2 / synthesised(macs, bufferKiB, nanometres);
  });
  const [least, most] = [Math.min(...ratios), Math.max(...ratios)];
  assert.ok(published.least <= least && most <= published.most, ratios.join(' '));
  // The stated range must not be wider than what it states.
  assert.ok(least / published.least < 1.1 && published.most / most < 1.1, ratios.join(' '));
});

test('a MAC more costs NVDLA three to four of ours: its multipliers also do 16-bit numbers', () => {
  const [, large, small] = legal28nm;
  assert.equal(large!.bufferKiB, small!.bufferKiB);
  const added = large!.macs - small!.macs;
  const theirs = (large!.areaMm2 - small!.areaMm2) / added;
  const ours =
    (synthesised(large!.macs, large!.bufferKiB, 28) -
      synthesised(small!.macs, small!.bufferKiB, 28)) /
    added;
  const ratio = theirs / ours;
  assert.ok(ratio > 3 && ratio < 4, `${ratio}`);
});

test("the energy of the matrix unit at NVDLA's size and clock is within a factor of two of its peak power", () => {
  const [{ macs, bufferKiB, clockHz, peakWatts }] = nvdla.configurations16nm as [
    (typeof nvdla.configurations16nm)[number],
  ];
  const pj = figure([macs, bufferKiB], 16, ({ matrixPjPerMac }) => matrixPjPerMac);
  const watts = pj * 1e-12 * macs * clockHz!;
  assert.ok(watts < 2 * peakWatts! && watts > peakWatts! / 2, `${watts} W`);
});

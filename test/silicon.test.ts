/** Estimates of area and power against published ones of a machine of the same size. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadChip, loadPublishedSilicon, loadSilicon, type Chip } from '../src/chip/index.ts';
import { areaOf, interpolateNodes, type AreaReport } from '../src/cost/index.ts';
import { siliconBill } from '../src/target/jade/index.ts';

const { nvdla } = loadPublishedSilicon();
const { published } = loadSilicon('asap7').factors;
const MACS_PER_COLUMN = 32;
/** NVDLA writes up to 16 results of its single-point processor a cycle. */
const LANES = 16;

/** A Jade with as many multipliers and as much memory, a quarter of it accumulators. */
function jadeLike(macs: number, bufferKiB: number): Chip {
  const edge = loadChip('jade-edge');
  const sizeBytes = bufferKiB * 1024;
  return {
    ...edge,
    matrix: {
      ...edge.matrix,
      columns: macs / MACS_PER_COLUMN,
      pipelineCycles: 16,
      accumulateCycles: 8,
    },
    vector: { ...edge.vector, lanes: LANES },
    scratchpad: { sizeBytes: (sizeBytes * 3) / 4, banks: 8 },
    accumulator: { sizeBytes: sizeBytes / 4, banks: 4 },
  };
}

/** A figure of the report at `nanometres`, between the table's 45 and 7 nm. */
function figure(chip: Chip, nanometres: number, of: (report: AreaReport) => number): number {
  const [coarse, fine] = ['nangate45', 'asap7'].map((id) => {
    const silicon = loadSilicon(id);
    return {
      nanometres: silicon.node.nanometres,
      value: of(areaOf(siliconBill(chip), silicon)),
    };
  });
  return interpolateNodes(coarse!, fine!, nanometres);
}

/** Cells and memory as synthesis counts them, which is what NVDLA publishes. */
function synthesised(macs: number, bufferKiB: number, nanometres: number): number {
  const chip = jadeLike(macs, bufferKiB);
  const cells = figure(chip, nanometres, ({ cellMm2 }) => cellMm2);
  return cells + figure(chip, nanometres, ({ memoryMm2 }) => memoryMm2);
}

test("NVDLA's published areas are the stated factor above the cells and memory of a Jade of its size", () => {
  const ratios = [
    ...nvdla.configurations28nm.map((published) => ({ ...published, nanometres: 28 })),
    ...nvdla.configurations16nm.map((published) => ({ ...published, nanometres: 16 })),
  ].map(({ macs, bufferKiB, areaMm2, nanometres }) => {
    return areaMm2 / synthesised(macs, bufferKiB, nanometres);
  });
  const [least, most] = [Math.min(...ratios), Math.max(...ratios)];
  assert.ok(published.least <= least && most <= published.most, ratios.join(' '));
  // The stated range must not be wider than what it states.
  assert.ok(least / published.least < 1.1 && published.most / most < 1.1, ratios.join(' '));
});

test('a MAC more costs NVDLA at most eight of ours: its multipliers also do 16-bit numbers', () => {
  const [, , large, small] = nvdla.configurations28nm;
  const added = large!.macs - small!.macs;
  const theirs = (large!.areaMm2 - small!.areaMm2) / added;
  const ours =
    (synthesised(large!.macs, large!.bufferKiB, 28) -
      synthesised(small!.macs, small!.bufferKiB, 28)) /
    added;
  const ratio = theirs / ours;
  assert.ok(ratio > 4 && ratio < 8, `${ratio}`);
});

test("the energy of the multipliers at NVDLA's size and clock is within a factor of two of its peak power", () => {
  const [{ macs, bufferKiB, clockHz, peakWatts }] = nvdla.configurations16nm as [
    (typeof nvdla.configurations16nm)[number],
  ];
  const pj = figure(jadeLike(macs, bufferKiB), 16, ({ matrixPjPerMac }) => matrixPjPerMac);
  const watts = pj * 1e-12 * macs * clockHz!;
  assert.ok(watts < 2 * peakWatts! && watts > peakWatts! / 2, `${watts} W`);
});

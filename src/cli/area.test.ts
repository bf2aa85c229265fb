import assert from 'node:assert/strict';
import { test } from 'node:test';
import { celadon } from '../../test/commandLine.ts';
import { chipNames } from '../chip/index.ts';
import type { AreaReport } from '../cost/index.ts';

test('area shows all nodes side by side, says what is predicted and what is left out', async () => {
  const { status, stdout, stderr } = await celadon('area', '--chip', 'jade-nano');
  assert.equal(status, 0, stderr);
  assert.match(stdout, /^jade-nano\nEstimates before layout/);
  assert.match(stdout, /ihp130 +sky130 +nangate45 +asap7 +gt2n\n/);
  assert.match(stdout, /process +real +real +predictive +predictive +predictive\n/);
  assert.match(stdout, /matrix: 16 × matrix_column_mxint8_mxfp4_3_2 /);
  assert.match(stdout, /fmax MHz/);
  assert.match(stdout, /0\.65 utilisation/);
  assert.match(stdout, /not counted, as outside of the core: AXI ports/);
  assert.match(stdout, /gt2n: D\. Jang.*ISCAS/);
  for (const part of ['control', 'dma', 'local memory', 'positions', 'vector']) {
    assert.match(stdout, new RegExp(`\n${part}: `), part);
  }
  assert.match(stdout, /nearest here is nangate45: \d+ MHz (meets|MISSES) its 200 MHz/);
});

test('area --json has a report of each built-in chip on one node, with the sum of its parts', async () => {
  for (const chip of chipNames()) {
    const { status, stdout, stderr } = await celadon(
      'area',
      '--chip',
      chip,
      '--node',
      'asap7',
      '--json',
    );
    assert.equal(status, 0, stderr);
    const out = JSON.parse(stdout) as { chip: string; stage: string; nodes: AreaReport[] };
    assert.equal(out.chip, chip);
    assert.equal(out.stage, 'pre-layout');
    const [report] = out.nodes;
    assert.equal(out.nodes.length, 1);
    const placed = report!.parts.reduce((sum, { placedMm2 }) => sum + placedMm2, 0);
    assert.ok(Math.abs(placed / report!.placedMm2 - 1) < 1e-9);
    assert.ok(report!.fmaxHz > 1e8 && report!.matrixPjPerMac > 0);
  }
});

test('an unknown node is a usage error that names the nodes', async () => {
  const { status, stderr } = await celadon('area', '--node', 'n3');
  assert.equal(status, 2);
  assert.match(stderr, /the node must be one of ihp130, sky130, nangate45, asap7, gt2n, not "n3"/);
});

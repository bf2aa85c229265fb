// celadon explore through the command line.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { celadon } from '../../test/commandLine.ts';
import {
  explore,
  exploreIn,
  file,
  FOLDER,
  SPACE,
  WORKLOAD,
  type Row,
} from '../../test/exploring.ts';
import type { ChipVerification, TopReport } from '../explore/index.ts';

test('the front keeps the limits, and each of its chips is a whole description that runs', async () => {
  const { status, stdout, stderr } = await explore({ areaMm2: 80 }, '--json');
  assert.equal(status, 0, stderr);
  const found = JSON.parse(stdout) as {
    front: Row[];
    proven: boolean;
    evaluations: number;
    overLimits: number;
    bounded: number;
  };
  assert.ok(found.proven);
  assert.equal(found.evaluations + found.overLimits + found.bounded, 32);
  assert.ok(found.front.length > 0);
  for (const { metrics } of found.front) assert.ok(metrics['areaMm2']! <= 80);
  const chip = file('chip.json', found.front[0]!.chip);
  const run = await celadon(
    'run',
    'qwen3-tiny',
    '-p',
    'Once',
    '-n',
    '2',
    '--target',
    'jade',
    '--chip',
    chip,
    '--json',
  );
  assert.equal(run.status, 0, run.stderr);
  const { tokens, cycles } = JSON.parse(run.stdout) as { tokens: number[]; cycles: number };
  assert.equal(tokens.length, 2);
  assert.ok(cycles > 0);
  const rtl = await celadon('rtl', '--chip', chip, '-o', path.join(FOLDER, 'rtl'));
  assert.equal(rtl.status, 0, rtl.stderr);
});

test('where limits rule out everything, it says which and what is nearest', async () => {
  const { status, stdout } = await explore({ areaMm2: 10, tpp: 1 });
  assert.equal(status, 4);
  assert.match(stdout, /no design keeps the limits; the nearest, 1x16\S+, breaks:/);
  assert.match(stdout, /areaMm2 of at most 10 mm², not \d+/);
  assert.match(stdout, /every way to keep the others widens areaMm2; the least ways:/);
  assert.match(stdout, /\n {2}areaMm2 by 290 % and tpp by 50 %/);
});

test('limits that each can be kept, but not together, name the least ways to give in', async () => {
  const rate = { tpotMs: 1e3, areaMm2: 22, tpp: 1e4, memoryBandwidthGBs: 0.5 };
  const { status, stdout } = await explore(rate, '--json');
  assert.equal(status, 4);
  const { nearest } = JSON.parse(stdout) as {
    nearest: {
      proven: boolean;
      toBlame: string[];
      relaxations: { limit: string; excess: number }[][];
      broken: { limit: string }[];
    };
  };
  assert.ok(nearest.proven);
  const named = new Set(nearest.relaxations.flat().map(({ limit }) => limit));
  assert.ok(named.has('memoryBandwidthGBs') && !named.has('tpp'));
  for (const { limit } of nearest.broken) assert.ok(named.has(limit), limit);
  for (const limit of nearest.toBlame)
    assert.ok(nearest.relaxations.every((widen) => widen.some((each) => each.limit === limit)));
});

test('the front at L1 says how far L0 was off, and what rates are with it', async () => {
  const { status, stdout, stderr } = await explore({ areaMm2: 80 }, '--level', '1', '--json');
  assert.equal(status, 0, stderr);
  const { front, levelOne } = JSON.parse(stdout) as {
    front: Row[];
    levelOne: { chip: string; rows: { l0Error: number }[]; correction: number }[];
  };
  assert.deepEqual(
    new Set(levelOne.map(({ chip }) => chip)),
    new Set(front.map(({ chip }) => chip.name)),
  );
  for (const { chip, rows, correction } of levelOne) {
    assert.equal(rows.length, 1, chip);
    assert.ok(Math.abs(correction - 1 - rows[0]!.l0Error) < 1e-9, chip);
    assert.ok(Math.abs(rows[0]!.l0Error) < 0.1, chip);
  }
});

test('the best chip at all levels is in the JSON and in the report, with what could not be done', () => {
  const report = path.join(FOLDER, 'verified.md');
  const without = { PATH: FOLDER, CELADON_LIBERTY: FOLDER }; // no Verilator, no Liberty files
  const more = ['--verify-top', '1', '--report', report, '--json'];
  const { status, stdout, stderr } = exploreIn(without, { areaMm2: 80 }, ...more);
  assert.equal(status, 0, stderr);
  const { front, verified } = JSON.parse(stdout) as { front: Row[]; verified: TopReport };
  const [{ chip, levels, rtl, area }] = verified.chips as [ChipVerification];
  assert.equal(chip, front[0]!.chip.name);
  assert.ok(levels.rows.length > 0);
  for (const { l1Error } of levels.rows) assert.ok(Math.abs(l1Error) < 0.002);
  assert.deepEqual(rtl, {
    verdict: 'refused',
    reason: 'not verified: verilator is not installed',
  });
  assert.match('refused' in area ? area.refused : '', /must have the Liberty file .*\.lib/);
  const text = fs.readFileSync(report, 'utf8');
  assert.match(text, /## Levels\n\n\| chip \|/);
  assert.match(text, /## Chips\n\n.*\n.*\n.*verilator is not installed/);
  assert.match(stderr, /verilator is not installed; not synthesised: .*; L0 off by/);
});

test('what cannot be verified is said before the search', async () => {
  const alone = await explore({ areaMm2: 80 }, '--verify-model', 'qwen3-tiny');
  assert.equal(alone.status, 2);
  assert.match(alone.stderr, /--verify-model must come with --verify-top/);
  const wrong = await explore({ areaMm2: 80 }, '--verify-top', '1', '--verify-model', 'qwen3-tyny');
  assert.equal(wrong.status, 2);
  assert.match(wrong.stderr, /qwen3-tyny/);
  assert.doesNotMatch(wrong.stderr, /designs evaluated/);
});

test('a design is explained by its limits, its neighbours and what is uncertain', async () => {
  const { status, stdout, stderr } = await explore({ areaMm2: 44 }, '--explain', '1', '--json');
  assert.equal(status, 0, stderr);
  const { explanations } = JSON.parse(stdout) as {
    explanations: {
      limitedBy: string;
      neighbours: { axis: string; verdict: string; broken: { limit: string }[] }[];
      shadowPrices: { limit: string }[];
      sensitivities: { name: string }[];
    }[];
  };
  assert.equal(explanations.length, 1);
  const [{ neighbours, shadowPrices, sensitivities }] = explanations as [(typeof explanations)[0]];
  // One step of the scratchpad and of the node are too large for the limit.
  for (const axis of ['scratchpadKiB', 'node']) {
    const rows = neighbours.filter((row) => row.axis === axis);
    assert.ok(
      rows.some(({ broken }) => broken.some(({ limit }) => limit === 'areaMm2')),
      axis,
    );
  }
  assert.deepEqual(
    shadowPrices.map(({ limit }) => limit),
    ['areaMm2'],
  );
  assert.ok(sensitivities.some(({ name }) => name === 'price of PSRAM, $/GB'));
});

test('a study that is kept goes on where it was, and refuses other questions', async () => {
  const study = path.join(FOLDER, 'study.db');
  const first = await explore({ areaMm2: 80 }, '-o', study, '--json');
  assert.equal(first.status, 0, first.stderr);
  const again = await celadon(
    ...['explore', 'qwen3-tiny', '--space', SPACE, '--limits', file('same.json', { areaMm2: 80 })],
    ...['--workload', WORKLOAD, '--threads', '1', '--references', 'none', '-o', study, '--json'],
  );
  const read = (text: string): object => ({ ...(JSON.parse(text) as object), seconds: 0 });
  assert.deepEqual(read(again.stdout), read(first.stdout));
  const other = await explore({ areaMm2: 90 }, '-o', study);
  assert.equal(other.status, 2);
  assert.match(other.stderr, /areaMm2/);
});

test('reports are written by their endings, and two studies are compared', async () => {
  const at = (name: string): string => path.join(FOLDER, name);
  const reports = ['front.html', 'front.svg', 'points.csv', 'points.parquet'].map(at);
  const study = at('reported.db');
  const { status, stderr } = await explore({ areaMm2: 80 }, '-o', study, '--report', ...reports);
  assert.equal(status, 0, stderr);
  const [html, svg, csv, parquet] = reports.map((name) => fs.readFileSync(name));
  assert.match(html!.toString(), /<script>/);
  assert.match(html!.toString(), /Rooflines/);
  assert.match(svg!.toString(), /^<svg/);
  assert.match(csv!.toString(), /^cores,columns,.*front\r\n1,/);
  assert.equal(parquet!.subarray(0, 4).toString(), 'PAR1');
  const { stdout } = await celadon('explore-compare', study, study);
  assert.match(stdout, /0 on the first alone, 0 on the second alone/);
  const wrong = await explore({ areaMm2: 80 }, '--report', at('front.pdf'));
  assert.equal(wrong.status, 2);
  assert.match(wrong.stderr, /reports must end in \.html/);
});

for (const [what, limits, text] of [
  ['a limit that there is not', { areaMm: 80 }, /areaMm.*\n.*\n.*did you mean areaMm2\?/],
  ['a negative limit', { areaMm2: -1 }, /areaMm2 must be a number above 0, not -1/],
  ['a node that there is not', { node: 'asap8' }, /the node must be one of .*, not "asap8"/],
] as const) {
  test(`${what} is an error that says so`, async () => {
    const { status, stderr, stdout } = await explore(limits);
    assert.notEqual(status, 0);
    assert.equal(stdout, '');
    assert.match(stderr, text);
  });
}

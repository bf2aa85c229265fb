import assert from 'node:assert/strict';
import { closeSync, mkdtempSync, openSync, ftruncateSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadChip, loadExportRules, type Chip } from '../../chip/index.ts';
import type { Design } from './design.ts';
import { Limits, parseLimits, type LimitsFile } from './limits.ts';
import { loadChipEstimates, loadLimits } from './load.node.ts';

const ESTIMATES = await loadChipEstimates();
const RULES = loadExportRules();

function limits(file: LimitsFile): Limits {
  return new Limits(parseLimits(file, 'limits.json'), ESTIMATES, RULES);
}

function designOf(chip: Chip): Design {
  const system = { chip, chips: 1, tensor: 1, pipeline: 1, expert: 1, linkBytesPerSecond: 1e9 };
  return { decode: system, prefill: undefined };
}

function server(cores: number, node = 'asap7'): Chip {
  return {
    ...loadChip('jade-server'),
    cores,
    process: { node, nanometres: ESTIMATES.node(node).node.nanometres },
  };
}

test('each limit holds exactly up to its number', () => {
  const design = designOf(server(4));
  const { areaMm2, tpp, performanceDensity, memoryBandwidthGBs, memoryCapacityGiB, cost } =
    ESTIMATES.of(design.decode.chip);
  const values = {
    areaMm2,
    reticleMm2: areaMm2,
    tpp,
    performanceDensity: performanceDensity!,
    memoryBandwidthGBs,
    memoryCapacityGiB,
    chipDollars: cost!.dollars.value,
  };
  for (const [limit, value] of Object.entries(values)) {
    assert.deepEqual(limits({ [limit]: value }).broken(design), [], limit);
    const [broken] = limits({ [limit]: value / 2 }).broken(design);
    assert.equal(broken?.limit, limit);
    assert.ok(Math.abs(broken.excess - 1) < 1e-12, limit);
    assert.match(broken.text, new RegExp(`^${limit} of at most .*, not \\d`));
  }
});

test('TPP is tera-operations a second times 8 bits, for all cores', () => {
  const { tpp } = ESTIMATES.of(server(4));
  assert.equal(tpp, (2 * 4 * 32 * 128 * 1.5e9 * 8) / 1e12);
});

test('what serving decides is judged when it is known; what is not known breaks its limit', () => {
  const design = designOf(server(1));
  const served = { powerWatts: 20, ttftMs: 500, tpotMs: 50 };
  const wanted = limits({ powerWatts: 10, ttftMs: 1000, tpotMs: 40 });
  assert.equal(wanted.violation(design), 0);
  const broken = wanted.broken(design, served);
  assert.deepEqual(
    broken.map(({ limit, excess }) => [limit, excess]),
    [
      ['powerWatts', 1],
      ['tpotMs', 0.25],
    ],
  );
  const unknown = wanted.broken(design, { ...served, powerWatts: null, tpotMs: 1 });
  assert.deepEqual(unknown, [
    { limit: 'powerWatts', excess: 1, text: 'powerWatts of at most 10 W, not what is not known' },
  ]);
});

test('of two chips the worse one counts', () => {
  const pair = { ...designOf(server(2)), prefill: designOf(server(4)).decode };
  const { areaMm2 } = ESTIMATES.of(pair.decode.chip);
  const [broken] = limits({ areaMm2 }).broken(pair);
  assert.ok(Math.abs(broken!.excess - 1) < 1e-12);
});

test('process, memories and export rules', () => {
  const fine = designOf(server(1, 'gt2n'));
  const [node] = limits({ node: 'asap7' }).broken(fine);
  assert.equal(node?.text, 'node of no finer than asap7, not gt2n');
  assert.deepEqual(limits({ node: 'asap7' }).broken(designOf(server(1))), []);
  const [memory] = limits({ memories: ['LPDDR5X'] }).broken(fine);
  assert.equal(memory?.text, 'memories of LPDDR5X, not HBM3');

  const on = '2026-05-31';
  const free = limits({ exportClass: { atMost: 'none', on } });
  const review = limits({ exportClass: { atMost: 'case-by-case', on } });
  // 98 TPP a core: 16 cores are below 1600, 17 above it and dense, 220 above all that is reviewed.
  const verdicts = [16, 17, 200, 220].map((cores) => {
    const design = designOf({
      ...server(cores),
      memory: { ...server(1).memory, bytesPerCycle: 16 },
    });
    return [free, review].map((each) => each.broken(design).length);
  });
  assert.deepEqual(verdicts, [
    [0, 0],
    [1, 0],
    [1, 0],
    [1, 1],
  ]);
  const uncontrolled = limits({ exportClass: { atMost: 'none', on, memory: 'uncontrolled' } });
  const [stacks] = uncontrolled.broken(designOf(server(1)));
  assert.equal(stacks?.text, `exportClass of uncontrolled memory on ${on}, not HBM3`);
});

test('a design within its area that is over its performance breaks that limit alone', () => {
  const wanted = limits({ areaMm2: 60, tpp: 50, memories: ['HBM3'] });
  const excess = (cores: number): number => wanted.violation(designOf(server(cores)));
  assert.ok(excess(16) > excess(4) && excess(4) > excess(1));
  assert.deepEqual(
    wanted.broken(designOf(server(1))).map(({ limit, text }) => [limit, text]),
    [['tpp', 'tpp of at most 50 , not 98.3']],
  );
});

const WRONG: readonly [what: string, file: unknown, message: RegExp][] = [
  ['nothing', undefined, /content must be an object/],
  ['a list', [], /content must be an object, not/],
  ['a number below 0', { areaMm2: -5 }, /areaMm2 must be a number above 0, not -5/],
  ['no number', { tpp: Number.NaN }, /tpp must be a number above 0, not NaN/],
  ['infinity', { tpp: Number.POSITIVE_INFINITY }, /tpp must be a number above 0, not Infinity/],
  ['a text', { powerWatts: '15 W' }, /powerWatts must be a number above 0, not "15 W"/],
  ['an unknown key', { arreaMm2: 5 }, /known fields only, not \["arreaMm2"\]/],
  ['no memories', { memories: [] }, /memories must be a list of names/],
  [
    'a class that is none',
    { exportClass: { atMost: 'all', on: '2026-01-01' } },
    /exportClass\.atMost must be none or case-by-case, not "all"/,
  ],
  [
    'no day',
    { exportClass: { atMost: 'none', on: 'now' } },
    /exportClass\.on must be a day as 2026-01-31, not "now"/,
  ],
];

for (const [what, file, message] of WRONG) {
  test(`limits are refused: ${what}`, () => {
    assert.throws(() => parseLimits(file, 'limits.json'), message);
  });
}

test('errors name the nearest limit, node and memory', () => {
  assert.throws(() => parseLimits({ arreaMm2: 5 }, 'x'), {
    hint: 'arreaMm2: did you mean areaMm2?',
  });
  assert.throws(() => limits({ node: 'N7' }), /the node must be one of .*asap7.*, not "N7"/);
  assert.throws(() => limits({ memories: ['HBM9'] }), /the memory must be one of .*, not "HBM9"/);
});

test('files: none, empty, no JSON, far too large', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'celadon-limits-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const load = (path: string) => () => loadLimits(path, ESTIMATES);
  assert.throws(load(join(folder, 'absent.json')), /a readable file is required, not nothing/);
  assert.throws(load(folder), /not a folder/);
  assert.throws(load(file('empty.json', '')), /must be JSON/);
  assert.throws(load(file('text.json', 'areaMm2: 5')), /must be JSON/);
  const large = openSync(join(folder, 'large.json'), 'w');
  ftruncateSync(large, 100e6);
  closeSync(large);
  assert.throws(load(join(folder, 'large.json')), /at most 256 KiB, not 95\.\d MiB/);
  assert.doesNotThrow(load(file('good.json', '{"areaMm2": 600}')));
});

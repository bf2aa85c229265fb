import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Random } from '../../base/index.ts';
import { planMemory } from '../../compile/index.ts';
import { parseModelConfig } from '../../model/index.ts';
import { parseChip } from '../../chip/index.ts';
import { jadeTarget, loadSiliconPieces, regionsOf } from '../../target/jade/index.ts';
import { Rank } from '../evaluate/rank.ts';
import { AXIS_NAMES, parseSpace } from './axes.ts';
import { isMisfit } from './chipRules.ts';
import type { Design } from './design.ts';
import { loadChipEstimates, loadSpaceFile, spaceNames } from './load.node.ts';
import { DesignSpace, type Point } from './space.ts';

const ESTIMATES = await loadChipEstimates();
const POINTS = 30;

function spaceOf(name: string): DesignSpace {
  return new DesignSpace(loadSpaceFile(name), ESTIMATES);
}

function* randomDesigns(space: DesignSpace, count: number): Generator<[Point, Design]> {
  const random = new Random(24);
  for (let i = 0; i < count; i++) {
    const point = space.sizes.map((size) => random.int(size));
    const design = space.designAt(point);
    if (isMisfit(design)) assert.match(design.misfit, /\d+ .*(at most|at least|more than)/);
    else yield [point, design];
  }
}

test('the default space has more than 10⁵ chips', () => {
  const { sizes, count } = spaceOf('datacentre');
  const chips = sizes.slice(0, AXIS_NAMES.indexOf('chips')).reduce((a, b) => a * b);
  assert.ok(chips >= 1e5 && count > chips);
});

for (const name of spaceNames()) {
  test(`${name}: every point is a chip that can be described, compiled for and found again`, () => {
    const space = spaceOf(name);
    let designs = 0;
    for (const [point, design] of randomDesigns(space, POINTS)) {
      const { chip, chips, tensor, pipeline, expert } = design.decode;
      assert.deepEqual(parseChip(chip, chip.name), chip);
      assert.match(chip.name, /^[\w-]{1,64}$/);
      assert.doesNotThrow(() => regionsOf(chip));
      assert.equal(tensor * pipeline * expert, chips * chip.cores);
      const { devices, memory, silicon, memoryBandwidthGBs } = ESTIMATES.of(chip);
      assert.ok(chip.clockHz <= silicon.fmaxHz);
      assert.ok(memoryBandwidthGBs * 1e9 <= devices * memory.bytesPerSecond);
      assert.ok(devices >= 1 && devices <= memory.mostDevices);
      assert.deepEqual(space.pointOf(design), point);
      designs++;
    }
    assert.ok(designs > POINTS / 5, `${designs} designs`);
  });
}

test('hardware is generated for chips of each space, and names are as different as chips', async () => {
  const { SiliconPieces } = await loadSiliconPieces();
  const names = new Map<string, string>();
  for (const space of spaceNames().map(spaceOf)) {
    let left = 1;
    for (const [, { decode }] of randomDesigns(space, POINTS)) {
      const text = JSON.stringify(decode.chip);
      assert.equal(names.get(decode.chip.name) ?? text, text);
      names.set(decode.chip.name, text);
      // Elaborates every module of the core, as nothing of it is known yet.
      if (left-- > 0) assert.equal(new SiliconPieces().of(decode.chip).length, 7);
    }
  }
});

test('the same chip in systems of other sizes is the same object', () => {
  const space = spaceOf('datacentre');
  const point = space.sizes.map(() => 0);
  const others = point.with(AXIS_NAMES.indexOf('chips'), 1);
  const [one, other] = [space.designAt(point), space.designAt(others)];
  assert.ok(!isMisfit(one) && !isMisfit(other));
  assert.equal(one.decode.chip, other.decode.chip);
});

test('a space of pairs has an axis of each kind for both chips', () => {
  const file = loadSpaceFile('edge');
  const pairs = new DesignSpace({ ...file, prefill: { ...file.axes, columns: [128] } }, ESTIMATES);
  assert.equal(pairs.sizes.length, 2 * AXIS_NAMES.length);
  const point = pairs.sizes.map(() => 0);
  const design = pairs.designAt(point);
  assert.ok(!isMisfit(design));
  assert.equal(design.prefill?.chip.matrix.columns, 128);
  assert.deepEqual(pairs.pointOf(design), point);
  assert.equal(pairs.pointOf({ ...design, prefill: undefined }), undefined);
});

test('what a design is not is said: devices, ranks, banks', () => {
  const file = loadSpaceFile('edge');
  const misfit = (axes: Partial<typeof file.axes>): string => {
    const space = new DesignSpace({ ...file, axes: { ...file.axes, ...axes } }, ESTIMATES);
    const design = space.designAt(space.sizes.map(() => 0));
    return isMisfit(design) ? design.misfit : 'none';
  };
  assert.match(
    misfit({ cores: [1024], bytesPerCycle: [64] }),
    /^\d+ devices of LPDDR5X, at most 16/,
  );
  assert.equal(misfit({ expert: [2] }), '1 stages × 2 expert groups need more than 1 ranks');
  const small = misfit({ scratchpadKiB: [8], columns: [256], lanes: [256] });
  assert.equal(small, 'banks of the scratchpad have 2048 bytes, at least 4096 are needed');
});

const WRONG: readonly [what: string, change: object, message: RegExp][] = [
  ['an axis that is empty', { cores: [] }, /axes\.cores must be a list of one or more values/],
  [
    'a value twice',
    { loads: [4, 4] },
    /axes\.loads must be a list of one or more values, each once/,
  ],
  [
    'a size that is no power of two',
    { columns: [48] },
    /axes\.columns\.0 must be a power of two from 16 to 256, not 48/,
  ],
  [
    'formats that no unit has',
    { formats: ['fp16'] },
    /axes\.formats\.0 must be one of mxint8\/mxint8/,
  ],
  [
    'no number',
    { clockShare: [Number.NaN] },
    /axes\.clockShare\.0 must be a number above 0, at most 1, not NaN/,
  ],
  [
    'an axis that there is not',
    { stages: [4] },
    /axes must have known fields only, not \["stages"\]/,
  ],
];

for (const [what, change, message] of WRONG) {
  test(`a space is refused: ${what}`, () => {
    const file = loadSpaceFile('edge');
    assert.throws(
      () => parseSpace({ ...file, axes: { ...file.axes, ...change } }, 'my.json'),
      message,
    );
  });
}

test('names of spaces, nodes and memories are those of the catalogue', () => {
  assert.throws(() => loadSpaceFile('datacenter'), { hint: 'did you mean datacentre?' });
  const { axes, ...file } = loadSpaceFile('edge');
  const wrong = { ...file, axes: { ...axes, memory: ['HBM5'] } };
  assert.throws(
    () => new DesignSpace(wrong, ESTIMATES),
    /the memory must be one of PSRAM.*not "HBM5"/,
  );
});

test('the compiler finds room for a small model on the chips of each space', () => {
  const config = JSON.parse(readFileSync('test/golden/qwen3-tied/config.json', 'utf8'));
  const model = parseModelConfig(config, 'qwen3-tied');
  const dims = { B: 1, T: 2, S: 32 };
  for (const space of spaceNames().map(spaceOf)) {
    for (const [, { decode }] of randomDesigns(space, 4)) {
      const { kernels, graph } = new Rank(model, decode.chip.matrix);
      const target = jadeTarget(decode.chip, { contextTokens: dims.S });
      const { buffers, regions } = target.schedule(kernels, graph, dims);
      assert.doesNotThrow(() => planMemory(buffers, regions), decode.chip.name);
    }
  }
});

import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { ChipError, UsageError } from '../base/index.ts';
import { chipNames, loadAccelerator, loadChip } from './catalogue.node.ts';
import { parseChip, windowBytes, type Chip } from './chip.ts';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'celadon-chip-'));
after(() => fs.rmSync(folder, { recursive: true }));

function write(name: string, text: string): string {
  const file = path.join(folder, name);
  fs.writeFileSync(file, text);
  return file;
}

test('every built-in chip follows the schema, under its own name', () => {
  assert.deepEqual(chipNames(), ['jade-edge', 'jade-nano', 'jade-server']);
  for (const name of chipNames()) assert.equal(loadChip(name).name, name);
});

/** Every number of the description, by its path. */
function sizes(value: object, prefix = ''): string[] {
  return Object.entries(value).flatMap(([key, inner]) => {
    const at = `${prefix}${key}`;
    if (key === 'reasons') return [];
    return typeof inner === 'object' && inner !== null ? sizes(inner, `${at}.`) : [at];
  });
}

test('every size of a built-in chip has its reason, and every reason its size', () => {
  const unexplained = ['name', 'summary', 'template', 'cores', 'memory.type', 'process.nanometres'];
  for (const name of chipNames()) {
    const chip = loadChip(name);
    const explained = Object.keys(chip.reasons);
    const fields = sizes(chip).filter((field) => !unexplained.includes(field));
    assert.deepEqual(explained.toSorted(), fields.toSorted(), name);
  }
});

test('built-in chips keep memory busy: enough loads in flight, and weights taken faster than they come', () => {
  for (const name of chipNames()) {
    const { dma, memory, matrix, scratchpad } = loadChip(name);
    const inFlight = memory.bytesPerCycle * memory.latencyCycles;
    assert.ok(matrix.weightPortBytesPerCycle >= memory.bytesPerCycle, name);
    assert.ok(inFlight / dma.outstandingLoads <= scratchpad.sizeBytes / 64, name);
  }
});

test('a chip is loaded from a file too', () => {
  const file = write('mine.json', JSON.stringify({ ...loadChip('jade-edge'), name: 'mine' }));
  assert.equal(loadChip(file).name, 'mine');
});

test('an unknown chip is answered with the names and the nearest', () => {
  assert.throws(() => loadChip('jade-egde'), {
    name: 'UsageError',
    message:
      'the chip must be one of jade-edge, jade-nano, jade-server or a .json file, not "jade-egde"',
    hint: 'did you mean jade-edge?',
  });
  assert.throws(
    () => loadChip('tpu'),
    (error: UsageError) => error.hint === 'give a name, or a path with a slash in it',
  );
  assert.throws(() => loadChip(path.join(folder, 'none.json')), UsageError);
  assert.throws(() => loadChip(`${folder}/`), UsageError);
});

test('malformed JSON and a missing field name the file and the field', () => {
  const broken = write('broken.json', '{ "name": ');
  assert.throws(() => loadChip(broken), { name: 'ChipError', where: broken });
  const { clockHz: _, ...rest } = loadChip('jade-nano');
  const incomplete = write('incomplete.json', JSON.stringify(rest));
  assert.throws(() => loadChip(incomplete), {
    name: 'ChipError',
    message: /clockHz/,
    where: incomplete,
  });
  assert.throws(() => loadChip(write('huge.json', ' '.repeat(2 ** 20 + 1))), ChipError);
});

test('all problems of a description are listed at once', () => {
  const chip: Chip = loadChip('jade-nano');
  const wrong = { ...chip, cores: 0, matrix: { ...chip.matrix, columns: 48 } };
  assert.throws(
    () => parseChip(wrong, 'x.json'),
    /^ChipError: cores must be an integer .*; matrix\.columns must be a power of two .*, not 48$/,
  );
});

test('banks, masks and ports of a chip go together', () => {
  const chip = loadChip('jade-server');
  const problems = (change: Partial<Chip>): string => {
    try {
      parseChip({ ...chip, ...change }, 'x.json');
    } catch (error) {
      return (error as ChipError).message;
    }
    return 'none';
  };
  // The window is 1024 bytes, that of the weight port.
  assert.equal(windowBytes(chip), 1024);
  assert.equal(
    problems({ scratchpad: { sizeBytes: 3 * 2 ** 20, banks: 32 } }),
    'scratchpad.sizeBytes must be 32 banks, each a power of two of at least 4096 bytes, not 3145728',
  );
  assert.equal(
    problems({ accumulator: { sizeBytes: 8192, banks: 8 } }),
    'accumulator.sizeBytes must be 8 banks, each a power of two of at least 4096 bytes, not 8192',
  );
  assert.equal(
    problems({ scratchpad: { sizeBytes: 2 ** 22, banks: 64 } }),
    'scratchpad.banks must be at most 55, so that the chip has 64 banks in all, not 64',
  );
  assert.equal(
    problems({ matrix: { ...chip.matrix, weightPortBytesPerCycle: 128 } }),
    'matrix.weightPortBytesPerCycle must be at least 132 for 128 columns, not 128',
  );
});

test('accelerators carry their sources, and null where nothing is published', () => {
  const [h20, ascend] = ['nvidia-h20', 'huawei-ascend-910c'].map(loadAccelerator);
  assert.equal(h20!.id, 'nvidia-h20');
  assert.equal(h20!.peakOperationsPerSecond.int8, 296e12);
  assert.equal(ascend!.id, 'huawei-ascend-910c');
  assert.equal(ascend!.peakOperationsPerSecond.fp8, null);
  assert.ok([h20!, ascend!].every(({ sources }) => sources.length > 0));
});

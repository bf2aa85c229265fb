import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parquetMetadata, parquetReadObjects } from 'hyparquet';
import {
  expectedPoints,
  expectedResult,
  syntheticDefinition,
  syntheticStudy,
} from '../../../test/explore/syntheticStudy.ts';
import { toMarkdown } from '../../base/index.ts';
import { compareStudies, comparisonDocument } from './compareStudies.ts';
import { csvLines, jsonChunks, parquetBytes } from './exports.ts';
import { frontOf, sheetOf } from './sheet.ts';
import { keyOf } from './study.ts';

const study = syntheticStudy();
const names = [
  ...['width', 'height', 'speed', 'area', 'price', 'violation', 'limitedBy', 'misfit', 'front'],
].toSorted();

/** Rows by column, as the sheet has them. */
function rows(): Record<string, unknown>[] {
  const sheet = sheetOf(study);
  return [...sheet.rows()].map((row) =>
    Object.fromEntries(sheet.columns.map(({ name }, i) => [name, row[i]])),
  );
}

test('the front of what is stored is that of the search', () => {
  const found = frontOf(study).map(({ point }) => keyOf(point));
  assert.deepEqual(
    found,
    expectedResult().front.map(({ point }) => keyOf(point)),
  );
});

test('a sheet has every value of every point, by axis, metric and name', () => {
  const all = rows();
  assert.deepEqual(Object.keys(all[0]!).toSorted(), names);
  assert.equal(all.length, 576);
  for (const [i, { point, evaluation }] of expectedPoints().entries()) {
    const row = all[i]!;
    assert.deepEqual([row['width'], row['height']], [point[0], point[1]! / 2]);
    assert.equal(row['speed'], evaluation.metrics?.['speed'] ?? null);
    assert.equal(row['misfit'], evaluation.misfit ?? null);
  }
  assert.equal(all.filter((row) => row['front']).length, expectedResult().front.length);
});

test('CSV: a head and a line for each point, quoted where it must be', () => {
  const lines = [...csvLines(study)];
  assert.equal(lines.length, 577);
  assert.deepEqual(lines[0]!.trimEnd().split(',').toSorted(), names);
  const odd = syntheticStudy([{ point: [0, 0], evaluation: { misfit: 'a "b", c\nd' } }]);
  assert.deepEqual(
    [...csvLines(odd)],
    ['width,height,misfit,front\r\n', '0,0,"a ""b"", c\nd",false\r\n'],
  );
});

test('JSON reads back as what was asked and found', () => {
  const read = JSON.parse([...jsonChunks(study)].join('')) as {
    definition: unknown;
    points: { point: number[]; design: unknown; metrics?: unknown }[];
  };
  assert.deepEqual(read.definition, study.definition);
  assert.equal(read.points.length, 576);
  assert.deepEqual(read.points[5], {
    point: expectedPoints()[5]!.point,
    design: { width: 0, height: 2.5 },
    ...expectedPoints()[5]!.evaluation,
  });
});

test('Parquet reads back as the sheet', async () => {
  const bytes = await parquetBytes(study);
  const buffer = bytes.buffer.slice(
    bytes.byteOffset,
    bytes.byteOffset + bytes.length,
  ) as ArrayBuffer;
  assert.deepEqual(await parquetReadObjects({ file: buffer }), rows());
  const [entry] = parquetMetadata(buffer).key_value_metadata!;
  assert.deepEqual(JSON.parse(entry!.value!), study.definition);
});

test('an unfinished study of no points can be exported', async () => {
  const empty = syntheticStudy([]);
  assert.deepEqual([...csvLines(empty)], ['width,height,front\r\n']);
  assert.deepEqual(JSON.parse([...jsonChunks(empty)].join('')).points, []);
  assert.ok((await parquetBytes(empty)).length > 8);
  assert.deepEqual(frontOf(empty), []);
});

test('fronts of two commits side by side: what moved, came and went', () => {
  const definition = syntheticDefinition();
  const at = (point: number[], speed: number, area: number) => ({
    point,
    evaluation: { metrics: { speed, area } },
  });
  const before = syntheticStudy([at([1, 1], 10, 5), at([2, 2], 20, 8), at([3, 3], 30, 9)]);
  const after = syntheticStudy([at([1, 1], 10, 5), at([2, 2], 22, 8), at([4, 4], 40, 9)], {
    ...definition,
    celadon: { version: '0.0.0', commit: 'abc' },
  });
  const text = toMarkdown(comparisonDocument(compareStudies(before, after)));
  assert.match(
    text,
    /4 designs on the two fronts: 2 on both, 1 on the first alone, 1 on the second alone/,
  );
  assert.match(text, /- celadon.commit: null → "abc"/);
  assert.match(text, /\| 1 \| 0.5 \| 10 \| 5 \| both \|/);
  assert.match(text, /\| 2 \| 1 \| 20 → 22 \(\+10 %\) \| 8 \| both \|/);
  assert.match(text, /\| 3 \| 1.5 \| 30 \| 9 \| first \|/);
  assert.match(text, /\| 4 \| 2 \| 40 \| 9 \| second \|/);
  const same = toMarkdown(comparisonDocument(compareStudies(before, before)));
  assert.match(same, /Nothing: the definitions are equal/);
});

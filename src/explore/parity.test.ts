import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toHtml } from '../base/index.ts';
import {
  loadAccelerators,
  loadAssumptions,
  loadProcurement,
  loadRoadmaps,
  loadShipments,
} from '../chip/index.ts';
import { answersOf } from './openQuestions.ts';
import { parityOf, type Scale, type Task } from './parity.ts';
import { parityDocument } from './parityPage.ts';
import { plotSvg, plotText } from './plot.ts';
import { exactly, product, quotient, rangeText } from './range.ts';

/** DeepSeek-V3, as `celadon inspect` counts it. */
const V3 = {
  model: 'deepseek-v3',
  totalParameters: 671e9,
  activeParameters: 36.6e9,
  stateBytesPerToken: 70272,
  contextTokens: 4096,
  batch: 64,
};

const ASSUMPTIONS = loadAssumptions();
const PARITY = parityOf(loadRoadmaps(), loadAccelerators(), V3, ASSUMPTIONS);
const ANSWERS = answersOf(loadShipments(), loadProcurement(), PARITY);

const named = (name: string) => PARITY.outlooks.find(({ product: { name: n } }) => n === name)!;
const cell = (year: number, task: Task, scale: Scale) =>
  PARITY.cells.find((each) => each.year === year && each.task === task && each.scale === scale)!;

test('ranges: the ends are those of the worst and the best case', () => {
  const a = { low: 1, value: 2, high: 4 };
  const b = { low: 2, value: 4, high: 5 };
  assert.deepEqual(product(a, b), { low: 2, value: 8, high: 20 });
  assert.deepEqual(quotient(a, b), { low: 0.2, value: 0.5, high: 2 });
  assert.equal(rangeText(exactly(3), String), '3');
  assert.equal(rangeText(a, String), '2 (1–4)');
});

test('per-chip rates have the ratios of the published tables: 3.5 × BF16, 16 × FP8, 25 × FP4', () => {
  const ratio = (a: string, b: string, format: 'bf16' | 'fp8' | 'fp4') =>
    quotient(named(a).rates[format]!, named(b).rates[format]!);
  const cases = [
    ['GB300', 'Ascend 910C', 'bf16', 3.5],
    ['Rubin R200', 'Ascend 950DT', 'fp8', 16],
    ['Rubin Ultra', 'Ascend 960', 'fp4', 25],
  ] as const;
  for (const [a, b, format, expected] of cases) {
    const { low, high } = ratio(a, b, format);
    assert.ok(low <= expected && expected <= high, `${a} ${b} ${low} ${high}`);
  }
});

test('training: no parity per chip by 2028, per system from 2025 on; 14.8 T tokens take DeepSeek-V3’s hours', () => {
  const arrival = (scale: Scale) =>
    PARITY.arrivals.find((each) => each.task === 'training' && each.scale === scale)!;
  assert.deepEqual(arrival('perChip'), {
    task: 'training',
    scale: 'perChip',
    possible: null,
    likely: null,
    certain: null,
  });
  assert.equal(arrival('perSystem').certain, 2026);
  assert.ok(cell(2028, 'training', 'perChip').ratio!.low > 1);
  // The share of peak is from that run: 1979 TFLOPS of FP8, 2.664 M hours.
  const share = ASSUMPTIONS.rows.find(({ name }) => name === 'trainingShareFp8US')!;
  const hours = (14.8e12 * 6 * V3.activeParameters) / (1979e12 * 3600) / 2.664e6;
  assert.ok(share.low <= hours && hours <= share.high, `${hours}`);
});

test('inference: bound by memory; a chip’s tokens/s follow from bytes', () => {
  const { value } = named('Rubin R200').inference.perChip!;
  const bytes = 671e9 / 72 + 64 * 4096 * 70272;
  assert.ok(Math.abs(value / ((64 * 22e12 * 0.75) / bytes) - 1) < 1e-9);
});

test('what is not published is in no ranking, and null', () => {
  assert.ok(PARITY.unranked.includes('Baidu Kunlunxin Kunlun M100'));
  assert.equal(named('Kunlun M100').training.perChip, null);
  assert.equal(named('Feynman').inference.perChip, null);
  assert.equal(named('Ascend 970').training.perSystem, null);
});

test('every assumption is used, and none that is used is missing', () => {
  const used = new Set<string>();
  const watched = {
    ...ASSUMPTIONS,
    rows: ASSUMPTIONS.rows.map((row) => ({
      ...row,
      get low() {
        used.add(row.name);
        return row.low;
      },
    })),
  };
  parityOf(loadRoadmaps(), loadAccelerators(), V3, watched);
  assert.deepEqual(
    ASSUMPTIONS.rows.map(({ name }) => name).filter((name) => !used.has(name)),
    [],
  );
  assert.throws(
    () => parityOf(loadRoadmaps(), loadAccelerators(), V3, { ...ASSUMPTIONS, rows: [] }),
    /there is no assumption/,
  );
});

test('the three questions are answered from the catalogue, with sources', () => {
  const [leader, buyers, year] = ANSWERS;
  assert.match(
    leader!.answer,
    /^Huawei: 812,000 chips in 2025 of 1,650,000 domestic ones\. .*at least 1,044,000/,
  );
  assert.match(
    buyers!.answer,
    /DeepSeek: no purchase that is public; software: .*Alibaba: yes; order: .*own silicon: .*\(560000 chips\)/,
  );
  assert.match(year!.answer, /A chip: not by 2028 .*A system .*certain from 2026/);
  for (const { evidence } of ANSWERS)
    for (const { source } of evidence) assert.ok(source.what.length > 0);
});

test('the page shows ratios, figures, assumptions and answers', () => {
  const html = toHtml(parityDocument(PARITY, ANSWERS, ASSUMPTIONS));
  assert.equal(html.match(/<svg /g)?.length, 2);
  for (const text of ['Rubin Ultra / Ascend 960', 'trainingShareFp8CN', 'committed procurement'])
    assert.ok(html.includes(text), text);
});

test('plots: every point is within the axes, in SVG and in characters', () => {
  const y = { low: 2, value: 5, high: 20 };
  const plot = {
    title: 't',
    x: { title: 'x', log: true },
    y: { title: 'y', log: true },
    series: [
      {
        name: 'roof',
        points: [
          { x: 1, y: exactly(1) },
          { x: 1000, y: exactly(100) },
        ],
        line: true,
      },
      { name: 'point', points: [{ x: 30, y, label: '<here>' }], line: false },
    ],
    format: String,
  };
  const svg = plotSvg(plot);
  assert.match(svg, /&lt;here&gt;/);
  const across = [...svg.matchAll(/ (?:x|x1|cx)="([\d.]+)"/g)].map(([, at]) => Number(at));
  assert.ok(across.every((at) => at >= 0 && at <= 720));
  const text = plotText(plot).split('\n');
  assert.ok(text.some((line) => /b/.test(line.split('│')[1] ?? '')));
  assert.match(text.at(-1)!, /^a roof {3}b point$/);
});

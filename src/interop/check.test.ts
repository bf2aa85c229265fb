import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  loadAccelerator,
  loadAccelerators,
  loadDefects,
  loadSoftwareStacks,
  loadUnitFormats,
} from '../chip/index.ts';
import { buildGraph, NO_WEIGHTS, readCatalogueModel } from '../model/index.ts';
import { checkModel, exitCodeOf, type CheckRequest } from './check.ts';
import { checkDocument, fitText, matrixDocument } from './checkPage.ts';
import { modelFacts } from './facts.ts';
import { usualLayout } from './layout.ts';
import { memoryUse, weightBytes } from './memory.ts';
import { PRECISION_NAMES, PRECISIONS } from './precision.ts';

const KNOWLEDGE = {
  stacks: loadSoftwareStacks(),
  units: loadUnitFormats(),
  defects: loadDefects(),
};

function factsOf(name: string) {
  const { raw, model } = readCatalogueModel(name);
  const graph = buildGraph(model, NO_WEIGHTS, { logits: 'last', latentAttention: 'absorbed' });
  return modelFacts({ name, raw, config: model, graph });
}

const FACTS = {
  flash: factsOf('deepseek-v4-flash'),
  pro: factsOf('deepseek-v4-pro'),
  qwen: factsOf('qwen3.5-397b-a17b'),
  small: factsOf('qwen3.5-4b'),
  dense: factsOf('qwen3-32b'),
};

function check(model: keyof typeof FACTS, chip: string, request: Partial<CheckRequest> = {}) {
  const full = { contextTokens: 8192, batch: 1, precision: 'checkpoint', ...request } as const;
  return checkModel(FACTS[model], loadAccelerator(chip), full, KNOWLEDGE);
}

const statusOf = (report: ReturnType<typeof check>, subject: string) =>
  report.findings.filter((finding) => finding.subject === subject).map(({ status }) => status);

test('V4-Flash has the size of its files: 151 GB in W4A8, 160 GB as published', () => {
  const gigabytes = (name: 'w4a8' | 'w8a8') =>
    weightBytes(FACTS.flash, PRECISIONS[name].formats) / 1e9;
  assert.ok(Math.abs(gigabytes('w4a8') / 151 - 1) < 0.02, `${gigabytes('w4a8')}`);
  assert.ok(Math.abs(weightBytes(FACTS.flash, FACTS.flash.published) / 160e9 - 1) < 0.04);
  assert.ok(Math.abs(gigabytes('w8a8') / 284 - 1) < 0.01);
});

test('8 × 32 GB of 910B4 do not hold V4-Flash in W8A8: exit 4; W4A8 on these 8 and W8A8 on 16 do', () => {
  const report = check('flash', 'huawei-ascend-910b4', { count: 8, precision: 'w8a8' });
  assert.equal(report.verdict, 'does not fit');
  assert.equal(exitCodeOf(report.verdict), 4);
  assert.equal(report.stack, 'vllm-ascend');
  assert.match(fitText(report), /What fits: --precision w4a8 on these 8; w8a8 on 16 chips\./);
  const fitting = check('flash', 'huawei-ascend-910b4', { count: 8, precision: 'w4a8' });
  assert.equal(fitting.memory.fits, true);
  assert.equal(fitting.verdict, 'experimental');
  assert.ok(fitting.memory.totalBytes <= fitting.memory.usableBytes!);
});

test('V4: 910B, 910C, 310P and C500 lack FP8, FP4 and E8M0, H20 FP4 and E8M0; each says what it becomes', () => {
  for (const chip of [
    'huawei-ascend-910b2',
    'huawei-ascend-910c',
    'huawei-ascend-310p3',
    'metax-c500',
  ]) {
    const report = check('flash', chip);
    for (const format of ['fp8', 'mxfp4', 'e8m0'])
      assert.deepEqual(statusOf(report, format), ['fallback'], `${format} on ${chip}`);
    const text = report.findings.find(({ subject }) => subject === 'mxfp4')!.text;
    assert.match(
      text,
      /become (?:bf16|fp16) when loaded; .*all weights grow from 145 GiB to 530 GiB/,
    );
  }
  const h20 = check('flash', 'nvidia-h20');
  assert.deepEqual(statusOf(h20, 'fp8'), ['native']);
  assert.deepEqual(statusOf(h20, 'mxfp4'), ['fallback']);
  assert.deepEqual(statusOf(h20, 'e8m0'), ['fallback']);
  assert.equal(h20.stack, 'vllm');
  assert.match(
    h20.findings.find(({ subject }) => subject === 'mxfp4')!.text,
    /stay as they are in memory/,
  );
  assert.equal(h20.formats.experts, 'mxfp4');
  assert.deepEqual(statusOf(check('flash', 'huawei-ascend-950pr'), 'mxfp4'), ['native']);
});

test('310P has no kernels for gated delta rules: exit 3, with what is reported to run instead', () => {
  for (const model of ['qwen', 'small'] as const) {
    const report = check(model, 'huawei-ascend-310p3');
    assert.deepEqual(statusOf(report, 'gatedDelta'), ['missing']);
    assert.equal(exitCodeOf(report.verdict), 3);
  }
  assert.equal(check('dense', 'huawei-ascend-310p3').verdict, 'runs with fallbacks');
});

test('Qwen3.5-397B has 2 KV heads: copies beyond tp=2, and the state of a chip does not shrink', () => {
  const at = (tp: number) =>
    check('qwen', 'huawei-ascend-910c', {
      layout: { tensor: tp, pipeline: 1, data: 1, expert: 1 },
      precision: 'w8a8',
    });
  assert.deepEqual(statusOf(at(2), 'KV heads'), ['native']);
  assert.deepEqual(statusOf(at(8), 'KV heads'), ['fallback']);
  assert.match(
    at(8).findings.find(({ subject }) => subject === 'KV heads')!.text,
    /tp=8 keeps each 4 times/,
  );
  const rows = (tp: number) =>
    FACTS.qwen.states
      .filter(({ bytesPerToken }) => bytesPerToken > 0)
      .reduce((sum, { parts, bytesPerToken }) => sum + bytesPerToken / Math.min(tp, parts), 0);
  assert.equal(rows(1), 30720);
  assert.equal(rows(2), 15360);
  assert.equal(rows(8), 15360);
});

test('impossible layouts are unsupported, with those that are possible', () => {
  const layout = { tensor: 16, pipeline: 1, data: 1, expert: 1 };
  const report = check('pro', 'nvidia-h20', { layout, precision: 'fp8' });
  assert.equal(report.verdict, 'unsupported');
  assert.match(
    report.findings.find(({ subject }) => subject === 'blocks of FP8')!.text,
    /192 columns/,
  );
  const odd = check('dense', 'nvidia-h20', {
    layout: { tensor: 5, pipeline: 1, data: 1, expert: 1 },
  });
  assert.equal(odd.verdict, 'unsupported');
});

test('known defects come with links, and count where they show', () => {
  const stack = KNOWLEDGE.stacks.find(({ id }) => id === 'vllm-ascend');
  const layout = { tensor: 1, pipeline: 4, data: 1, expert: 1 };
  const staged = check('flash', 'huawei-ascend-950pr', { layout, stack });
  const found = staged.findings.find(({ subject }) => subject === 'vllm-ascend-10061')!;
  assert.equal(found.status, 'experimental');
  assert.match(found.url!, /vllm-ascend\/issues\/10061$/);
  const flat = check('flash', 'huawei-ascend-950pr', { count: 4 });
  assert.deepEqual(statusOf(flat, 'vllm-ascend-10061'), ['noted']);
});

test('what is not published stays unknown', () => {
  const report = check('dense', 'cambricon-mlu590');
  assert.equal(report.verdict, 'unknown');
  assert.equal(report.memory.fits, null);
  assert.equal(report.settings, null);
  assert.match(fitText(report), /unknown: the memory of the chip is not published/);
});

test('memory: shares of a layout add up to the model, and the settings offered are the largest', () => {
  const { formats } = PRECISIONS.bf16;
  const demand = { contextTokens: 1024, batch: 4 };
  const one = memoryUse(
    FACTS.dense,
    formats,
    { tensor: 1, pipeline: 1, data: 1, expert: 1 },
    demand,
  );
  assert.ok(Math.abs(one.weightBytes / (2 * FACTS.dense.parameters.total) - 1) < 1e-9);
  const four = memoryUse(
    FACTS.dense,
    formats,
    { tensor: 2, pipeline: 2, data: 1, expert: 1 },
    demand,
  );
  assert.ok(Math.abs((4 * four.weightBytes) / one.weightBytes - 1) < 0.01);
  assert.equal(4 * four.stateBytes, one.stateBytes);
  const report = check('dense', 'nvidia-h20', { count: 1 });
  const { settings, memory, layout } = report;
  const used = (contextTokens: number) =>
    memoryUse(FACTS.dense, report.formats, layout, { contextTokens, batch: 1 }).totalBytes;
  assert.ok(used(settings!.contextTokens) <= memory.usableBytes!);
  assert.ok(
    settings!.contextTokens === 40960 || used(settings!.contextTokens + 1) > memory.usableBytes!,
  );
});

test('the usual layout splits heads evenly and gives the rest to data parallelism', () => {
  assert.deepEqual(usualLayout(FACTS.flash, 16, 8), {
    tensor: 8,
    pipeline: 1,
    data: 2,
    expert: 16,
  });
  assert.deepEqual(usualLayout(FACTS.dense, 3, 8), { tensor: 1, pipeline: 1, data: 3, expert: 1 });
});

test('precisions of the catalogue are ones that there are; every finding has a basis', () => {
  const named = KNOWLEDGE.stacks.flatMap(({ models }) => models.flatMap((row) => row.precisions));
  const known = new Set<string>(PRECISION_NAMES);
  assert.deepEqual(
    named.filter((precision) => !known.has(precision)),
    [],
  );
  for (const chip of loadAccelerators())
    for (const { basis, text } of check('flash', chip.id).findings)
      assert.ok(basis && text, chip.id);
});

test('pages: one of a pair has its parts, the matrix a cell for each pair', () => {
  const report = check('flash', 'huawei-ascend-910c');
  const headings = checkDocument(report).blocks.flatMap((block) =>
    block.kind === 'heading' ? [block.text] : [],
  );
  assert.deepEqual(headings, ['Software', 'Formats', 'Layout', 'Known defects', 'Memory']);
  const matrix = matrixDocument([report, check('qwen', 'huawei-ascend-910c')], () => 'x.html');
  const [table] = matrix.blocks.filter((block) => block.kind === 'table');
  assert.deepEqual(
    table?.rows.map((row) => row.length),
    [2, 2, 2],
  );
});

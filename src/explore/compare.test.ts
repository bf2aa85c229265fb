import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toMarkdown } from '../base/index.ts';
import {
  loadAccelerator,
  loadDefects,
  loadSoftwareStacks,
  loadUnitFormats,
} from '../chip/index.ts';
import { servedModel } from '../cluster/index.ts';
import { checkModel, modelFacts } from '../interop/index.ts';
import { buildGraph, NO_WEIGHTS, readCatalogueModel } from '../model/index.ts';
import { compareChip } from './compare.ts';
import { compareDocument } from './comparePage.ts';

const KNOWN = { stacks: loadSoftwareStacks(), units: loadUnitFormats(), defects: loadDefects() };
const WORKLOAD = { input: 1024, output: 1024, concurrency: 64 };

const { raw, model } = readCatalogueModel('qwen3-32b');
const graph = buildGraph(model, NO_WEIGHTS, { logits: 'last' });
const MODEL = {
  served: servedModel({ name: 'qwen3-32b', raw, model }),
  prompt: graph,
  decode: graph,
  hasExperts: false,
};
const FACTS = modelFacts({ name: 'qwen3-32b', raw, config: model, graph });

function compared(id: string) {
  const chip = loadAccelerator(id);
  const request = { contextTokens: 2048, batch: 64, precision: 'bf16' } as const;
  const report = checkModel(FACTS, chip, request, KNOWN);
  return compareChip(MODEL, report, chip, WORKLOAD);
}

test('decode of a dense model is bytes over bandwidth, prompts are operations over the peak', () => {
  const { prompt, decode, machine } = compared('nvidia-h200-sxm');
  const { total } = FACTS.parameters;
  const embedding = 151936 * 5120; // read by row
  const state = 64 * (1024 + 512) * FACTS.states.reduce((sum, each) => sum + each.bytesPerToken, 0);
  const seconds = (2 * (total - embedding) + state) / 4.8e12;
  assert.equal(decode!.limitedBy, 'memory');
  assert.ok(Math.abs(decode!.tokensPerSecondPerChip / (64 / seconds) - 1) < 0.01);
  assert.equal(prompt!.limitedBy, 'compute');
  assert.equal(machine!.macsPerSecond, 494.7e12);
  assert.ok(prompt!.operationsPerSecond <= 989.4e12 && prompt!.operationsPerSecond > 900e12);
});

test('a prediction is slower than the bounds, and in the layout of the report', () => {
  const { predicted, prompt, decode, report } = compared('nvidia-h200-sxm');
  assert.ok(typeof predicted !== 'string');
  assert.deepEqual(predicted.layout, report.layout);
  const { tokensPerSecondPerChip: rate } = predicted;
  const bound = 1 / (1 / prompt!.tokensPerSecondPerChip + 1 / decode!.tokensPerSecondPerChip);
  assert.ok(rate < bound && rate > bound / 5, `${rate} ${bound}`);
});

test('what is not published is lacking, by name, and the page says so', () => {
  const unknown = compared('cambricon-mlu590');
  assert.equal(unknown.machine, null);
  assert.equal(unknown.lacking, 'no rate of bf16 is published');
  const page = toMarkdown(
    compareDocument('qwen3-32b', WORKLOAD, [compared('nvidia-h200-sxm'), unknown]),
  );
  assert.match(page, /\| bound of decode, tokens\/s \| [\d.]+ k \(memory\) \| \? \|/);
  assert.match(page, /a H200[^ ]* .*workload/);
  assert.match(page, /https:\/\//);
});

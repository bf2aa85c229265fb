import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../base/index.ts';
import { loadChip, type Chip } from '../../chip/index.ts';
import { lowerGraph } from '../../compile/index.ts';
import type { Graph } from '../../ir/index.ts';
import {
  buildGraph,
  buildPredictorGraph,
  NO_WEIGHTS,
  readCatalogueModel,
  type ModelConfig,
} from '../../model/index.ts';
import { ClosedForm, jadeTarget, kernelShapes } from '../../target/jade/index.ts';
import type { System } from '../space/design.ts';
import { Evaluator, type ChipFigures } from './evaluate.ts';
import type { Evaluation, Metrics } from './metrics.ts';
import type { Workload } from './workload.ts';

const SERVER = loadChip('jade-server');
/** Figures are others' work: here 100 mm² a chip, and watts that say how busy it is. */
const FIGURES: ChipFigures = {
  ...{ areaMm2: 100, tpp: 1000, performanceDensity: 10, memoryBandwidthGBs: 768 },
  ...{ memoryCapacityGiB: 16, chipDollars: 500 },
  watts: ({ memory, matrix, vector }) => 10 * (memory + matrix + vector),
};

function short(name: string, layers: number): ModelConfig {
  const { model } = readCatalogueModel(name);
  return { ...model, config: { ...model.config, num_hidden_layers: layers } } as ModelConfig;
}

function workload(model: ModelConfig, more: Partial<Workload> = {}): Workload {
  return { name: 'chat', model, inputTokens: 512, outputTokens: 256, weight: 1, ...more };
}

const DENSE = workload(short('qwen3-0.6b', 4));
const ROUTED = workload(short('qwen3-30b-a3b', 4));
/** With a head that drafts, three of four right. */
const DRAFTING = workload(short('qwen3.5-0.8b', 4), { acceptance: 0.75 });

function system(chip: Chip, more: Partial<System> = {}): System {
  const division = { tensor: 1, pipeline: 1, expert: 1, ...more };
  const ranks = division.tensor * division.pipeline * division.expert;
  return { chip, chips: ranks / chip.cores, linkBytesPerSecond: 100e9, ...division };
}

function evaluator(...workloads: Workload[]): Evaluator {
  return new Evaluator(workloads, () => FIGURES);
}

function fitting(evaluation: Evaluation): Exclude<Evaluation, { misfit: string }> {
  if ('misfit' in evaluation) throw new Error(evaluation.misfit);
  return evaluation;
}

test('one sequence on one core takes the closed form of the whole model', () => {
  const one = { ...DENSE, mostSequences: 1 };
  const { metrics, batch } = fitting(
    evaluator(one).evaluate({ decode: system(SERVER), prefill: undefined }),
  );
  const graph = buildGraph(DENSE.model, NO_WEIGHTS, { logits: 'last' });
  const lowered = lowerGraph(graph, jadeTarget(SERVER, { contextTokens: 1024 }));
  const form = new ClosedForm(kernelShapes(lowered, { B: 1, T: 1, S: 640 }));
  assert.equal(batch, 1);
  assert.equal(metrics.tpotMs, 1e3 * (form.cycles(SERVER) / SERVER.clockHz));
});

/** Chips of the template, from small to large. */
function randomChip(random: Random, cores: number): Chip {
  const pick = <T>(values: readonly T[]): T => values[Math.floor(random.float() * values.length)]!;
  const columns = pick([64, 128, 256]);
  return {
    ...SERVER,
    cores,
    clockHz: pick([0.5e9, 1e9, 1.5e9]),
    matrix: {
      ...SERVER.matrix,
      columns,
      weightFormat: pick(['mxfp8', 'mxfp4']),
      weightPortBytesPerCycle: 2048,
    },
    vector: { lanes: pick([64, 128, 512]), operationCycles: pick([4, 6]) },
    scratchpad: { sizeBytes: pick([2 ** 22, 2 ** 24]), banks: 32 },
    accumulator: { sizeBytes: pick([2 ** 20, 2 ** 22]), banks: 8 },
    control: { sizeBytes: 2 ** 17 },
    memory: { ...SERVER.memory, bytesPerCycle: pick([128, 512, 1024]) },
  };
}

const DIVISIONS = [
  { tensor: 1 },
  { tensor: 2 },
  { tensor: 4, expert: 2 },
  { tensor: 1, expert: 8 },
  { tensor: 2, pipeline: 2 },
] as const;

test('no design exceeds its bound, alone or as a pair', () => {
  const random = new Random(11);
  for (const load of [DENSE, ROUTED, DRAFTING]) {
    const each = evaluator(load);
    let fits = 0;
    for (let i = 0; i < 60; i++) {
      const division = DIVISIONS[i % DIVISIONS.length]!;
      const decode = system(randomChip(random, 1 + (i % 2)), division);
      const prefill =
        i % 3 === 0 ? { ...decode, chip: randomChip(random, decode.chip.cores) } : undefined;
      const evaluation = each.evaluate({ decode, prefill });
      const bound = each.bound({ decode, prefill });
      if ('misfit' in evaluation) continue;
      fits++;
      const { tokensPerSecond, ttftMs, tpotMs } = evaluation.metrics;
      assert.ok(tokensPerSecond <= bound!.tokensPerSecond, `${i}: tokens a second`);
      assert.ok(ttftMs >= bound!.ttftMs && tpotMs >= bound!.tpotMs, `${i}: latencies`);
    }
    assert.ok(fits >= 30, `${fits} of 60 fit`);
  }
});

test('a draft costs a checked row and the head, and is worth as many tokens as are right', () => {
  const design = { decode: system(SERVER), prefill: undefined };
  const at = (acceptance: number | undefined): Metrics =>
    fitting(evaluator({ ...DRAFTING, mostSequences: 1, acceptance }).evaluate(design)).metrics;
  const [none, never, always] = [undefined, 0, 1].map(at) as [Metrics, Metrics, Metrics];
  const form = (graph: Graph, T: number): number => {
    const lowered = lowerGraph(graph, jadeTarget(SERVER, { contextTokens: 1024 }));
    return (
      new ClosedForm(kernelShapes(lowered, { B: 1, T, S: 640 })).cycles(SERVER) / SERVER.clockHz
    );
  };
  const { model } = DRAFTING;
  const absorbed = { latentAttention: 'absorbed' } as const;
  const checked = form(buildGraph(model, NO_WEIGHTS, { logits: 'all', ...absorbed }), 2);
  const drafted = form(buildPredictorGraph(model, NO_WEIGHTS, { logits: 'last', ...absorbed }), 1);
  assert.ok(Math.abs(never.tpotMs / (1e3 * (checked + drafted)) - 1) < 1e-12);
  assert.equal(always.tpotMs, never.tpotMs / 2);
  assert.ok(never.tpotMs > none.tpotMs && always.tpotMs < none.tpotMs);
  assert.ok(never.ttftMs > none.ttftMs, 'the head reads the prompt too');
});

test('workloads count by their weight: rates as harmonic means', () => {
  const long = { ...DENSE, name: 'long', inputTokens: 2048, outputTokens: 128 };
  const design = { decode: system(SERVER, { tensor: 2 }), prefill: undefined };
  const [a, b] = [DENSE, long].map((each) => fitting(evaluator(each).evaluate(design)).metrics);
  const both = fitting(
    evaluator({ ...DENSE, weight: 0.75 }, { ...long, weight: 0.25 }).evaluate(design),
  ).metrics;
  const mean = 1 / (0.75 / a!.tokensPerSecond + 0.25 / b!.tokensPerSecond);
  assert.ok(Math.abs(both.tokensPerSecond / mean - 1) < 1e-12);
  assert.equal(both.ttftMs, Math.max(a!.ttftMs, b!.ttftMs));
});

test('a batch keeps the time between tokens, or the design says that it cannot', () => {
  const design = { decode: system(SERVER), prefill: undefined };
  const free = fitting(evaluator(DENSE).evaluate(design));
  const mostTpotMs = free.metrics.tpotMs / 2;
  const kept = fitting(evaluator({ ...DENSE, mostTpotMs }).evaluate(design));
  assert.ok(kept.batch < free.batch && kept.metrics.tpotMs <= mostTpotMs);
  const none = evaluator({ ...DENSE, mostTpotMs: 1e-3 }).evaluate(design);
  assert.ok('misfit' in none && none.misfit.includes('ms a token, at most 0.001 are wanted'));
});

test('prompts on chips of their own leave the time between tokens alone', () => {
  const decode = system(SERVER, { tensor: 2 });
  const alone = fitting(evaluator(DENSE).evaluate({ decode, prefill: undefined })).metrics;
  const pair = fitting(evaluator(DENSE).evaluate({ decode, prefill: decode })).metrics;
  assert.ok(pair.tpotMs < alone.tpotMs);
  // Two equal kinds of chips do the same work for a token as one kind that takes turns.
  assert.ok(Math.abs(pair.tokensPerSecond / alone.tokensPerSecond - 1) < 0.1);
});

test('what cannot serve says why', () => {
  const cases: readonly [System, string][] = [
    [system(SERVER, { tensor: 3 }), 'num_attention_heads must be a multiple of 3, not 16'],
    [{ ...system(SERVER, { tensor: 2 }), chips: 3 }, '2 ranks must be the 3 cores of all chips'],
    [{ ...system(SERVER, { tensor: 2 }), linkBytesPerSecond: 0 }, '2 chips must have links'],
    [
      system({ ...SERVER, memory: { ...SERVER.memory, sizeBytes: 2 ** 26 } }),
      'GiB of a core, which has 0.0625 GiB',
    ],
    [
      system({ ...SERVER, scratchpad: { sizeBytes: 2 ** 17, banks: 8 } }),
      'values of one sequence do not fit on the chip',
    ],
  ];
  for (const [decode, reason] of cases) {
    const evaluation = evaluator(DENSE).evaluate({ decode, prefill: undefined });
    assert.ok('misfit' in evaluation, reason);
    assert.ok(evaluation.misfit.includes(reason), evaluation.misfit);
  }
});

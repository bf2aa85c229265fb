import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../base/index.ts';
import { loadAccelerator, loadAccelerators, loadEfficiencies } from '../chip/index.ts';
import {
  chipModel,
  largestLoad,
  PRECISIONS,
  precisionOn,
  tiledSeconds,
  type ChipModel,
} from '../cost/index.ts';
import { readCatalogueModel } from '../model/index.ts';
import { exchangeOf, networkOf, sumSeconds, type Network } from './collectives.ts';
import { parseTrace, poissonRequests, simulateReplicas } from './requests.ts';
import { servedModel } from './servedModel.ts';
import { searchSplit } from './split.ts';
import { serveAggregated, serveDisaggregated, writeStep } from './serving.ts';
import { closedArrivals, openArrivals, simulate, timesOf } from './simulate.ts';
import { simulateSplit } from './simulateSplit.ts';
import { stepTime, type Replica } from './step.ts';
import { trainingStep } from './training.ts';

const near = (a: number, b: number, relative = 1e-9): void =>
  assert.ok(Math.abs(a / b - 1) < relative, `${a}, not ${b}`);
const ONE = { tensor: 1, pipeline: 1, data: 1, expert: 1 };
const dense = servedModel(readCatalogueModel('qwen3-0.6b'));
const routed = servedModel(readCatalogueModel('qwen3-30b-a3b'));

function on(id: string, precision = 'bf16'): ChipModel {
  const chip = loadAccelerator(id);
  return chipModel(chip, precisionOn(chip, PRECISIONS[precision]!));
}

const h100 = on('nvidia-h100-sxm');

const network: Network = {
  domain: 8,
  insideBytesPerSecond: 100e9,
  outsideBytesPerSecond: 10e9,
  meetingSeconds: 1e-6,
  exchangeSeconds: 2e-6,
};

test('sums take one shot when short, two when long, and go over adapters between domains', () => {
  assert.equal(sumSeconds(1e6, 1, network), 0);
  near(sumSeconds(1e3, 8, network), 1e-6 + 7e3 / 100e9);
  near(sumSeconds(1e9, 8, network), 2e-6 + (1.75 * 1e9) / 100e9);
  const outside = (2 * 0.5 * (1e9 / 8)) / 10e9;
  near(sumSeconds(1e9, 16, network), 2e-6 + 4e-6 + 1.75e9 / 100e9 + outside);
});

test('an exchange sends a token to each of its experts, and once to each domain or directly', () => {
  const meeting = {
    kind: 'experts',
    width: 1000,
    topK: 8,
    topGroups: 1e9,
    last: false,
    count: 1,
  } as const;
  const seconds = (ranks: number, direct: boolean, skew = 1): number => {
    const sent = { tokens: 100, ranks, dispatchBytes: 1, direct, skew };
    const { dispatchSeconds, combineSeconds } = exchangeOf(meeting, sent, network);
    near(combineSeconds - 2e-6, 2 * (dispatchSeconds - 2e-6));
    return dispatchSeconds + combineSeconds;
  };
  near(seconds(8, false), 4e-6 + (100 * 8 * 3000 * 7) / 8 / 100e9);
  near(seconds(8, true), seconds(8, false));
  const met = 2 * (1 - 0.5 ** 8);
  near(seconds(16, false), 4e-6 + (100 * met * 3000) / 2 / 10e9);
  near(seconds(16, true), 4e-6 + (100 * 8 * 3000) / 2 / 10e9);
  near(seconds(16, true, 1.5) - 4e-6, 1.5 * (seconds(16, true) - 4e-6));
});

/** Microseconds of dispatch and combine, 128 tokens of 7168 channels to 8 experts: DeepEP, docs/legacy.md. */
const LOW_LATENCY = [
  [8, 77, 114],
  [16, 118, 195],
  [32, 155, 273],
  [64, 173, 314],
  [128, 192, 369],
  [256, 194, 360],
] as const;

test('direct exchanges are those of the low-latency kernels of DeepEP on H800', () => {
  const meeting = {
    kind: 'experts',
    width: 7168,
    topK: 8,
    topGroups: 4,
    last: false,
    count: 1,
  } as const;
  const links = networkOf(on('nvidia-h800-sxm', 'fp8'));
  for (const [ranks, dispatch, combine] of LOW_LATENCY) {
    const sent = { tokens: 128, ranks, dispatchBytes: 1, direct: true, skew: 1 };
    const found = exchangeOf(meeting, sent, links);
    near(found.dispatchSeconds * 1e6, dispatch, 0.2);
    near(found.combineSeconds * 1e6, combine, 0.13);
  }
});

/** Groups, rows, columns, depth, TFLOPS of FP8 products on H800: DeepGEMM, README of February 2025. */
const PRODUCTS = [
  [1, 4096, 2112, 7168, 1058],
  [1, 4096, 24576, 1536, 990],
  [1, 4096, 32768, 512, 590],
  [1, 4096, 7168, 16384, 1358],
  [1, 4096, 4096, 7168, 1304],
  [1, 4096, 7168, 2048, 1025],
  [4, 8192, 4096, 7168, 1297],
  [4, 8192, 7168, 2048, 1099],
  [8, 4096, 4096, 7168, 1288],
  [8, 4096, 7168, 2048, 1093],
] as const;

test('products on tiles are those of DeepGEMM on H800', () => {
  const { efficiency, precision, cores } = on('nvidia-h800-sxm', 'fp8');
  const speed = precision.linear.operationsPerSecond * efficiency.matrix.value;
  for (const [count, rows, columns, depth, tflops] of PRODUCTS) {
    const seconds = tiledSeconds({ rows, columns, depth, count }, speed, efficiency, cores);
    near((2 * count * rows * columns * depth) / seconds / 1e12, tflops, 0.04);
  }
});

test('a chip of two devices is two halves', () => {
  const [die, chip] = [on('huawei-ascend-910c', 'int8'), loadAccelerator('huawei-ascend-910c')];
  assert.equal(die.devices, 2);
  assert.equal(die.capacityBytes, chip.memory.capacityBytes! / 2);
  assert.equal(die.bandwidthBytesPerSecond, chip.memory.bandwidthBytesPerSecond! / 2);
  assert.equal(2 * die.precision.linear.operationsPerSecond, chip.peakOperationsPerSecond.int8);
  assert.equal(die.domain, 2 * chip.interconnect.scaleUpChips!);
});

test('the fullest of many ranks has more than the mean, the only one just that', () => {
  assert.equal(largestLoad(100, 1), 100);
  assert.ok(largestLoad(100, 64) > 120 && largestLoad(1e6, 64) < 1.01e6);
});

test('a step of one sequence reads the weights once, and launches what the graph has', () => {
  const { seconds, parts } = stepTime(
    dense.decode,
    { chip: h100, layout: ONE },
    { B: 1, T: 1, S: 8 },
  );
  near(seconds, parts.memory + parts.arithmetic + parts.launches + parts.links);
  const weights = (2 * 596e6) / (3.35e12 * h100.efficiency.memory.value);
  near(parts.memory + parts.arithmetic, weights, 0.05);
  assert.ok(parts.launches > 28 * 10 * 3e-6 && parts.links === 0);
});

test('more tensor ranks read less and meet more; more sequences take longer, each less', () => {
  const step = (tensor: number, B: number) =>
    stepTime(routed.decode, { chip: h100, layout: { ...ONE, tensor } }, { B, T: 1, S: 1000 });
  assert.ok(step(4, 16).parts.memory < step(1, 16).parts.memory / 2);
  assert.ok(step(4, 16).parts.links > step(2, 16).parts.links);
  assert.ok(step(1, 64).seconds > step(1, 16).seconds);
  assert.ok(step(1, 64).seconds < 4 * step(1, 16).seconds);
});

test('half batches in turn are taken only where they are faster, and hide no more than lasts', () => {
  const layout = { ...ONE, data: 64, expert: 64 };
  const at = (T: number, B: number, overlap: boolean) =>
    stepTime(routed.decode, { chip: h100, layout, overlap }, { B, T, S: 1000 });
  for (const T of [1, 256]) {
    for (const B of [2, 64, 1024]) {
      const [plain, turns] = [at(T, B, false), at(T, B, true)];
      assert.ok(turns.seconds <= plain.seconds);
      const { memory, arithmetic, launches, links } = turns.parts;
      near(turns.seconds, memory + arithmetic + launches + links);
      assert.ok(links >= 0 && turns.seconds >= plain.parts.links);
    }
  }
});

test('drafts that are never right cost, drafts that are always right nearly halve the time', () => {
  const model = servedModel(readCatalogueModel('deepseek-v3'));
  const replica = { chip: on('nvidia-h200-sxm', 'fp8'), layout: { ...ONE, tensor: 8 } };
  const each = (acceptance?: number): number => {
    const speculation = acceptance === undefined ? undefined : { acceptance };
    const { seconds, tokens } = writeStep(
      model,
      replica,
      { input: 1000, output: 8 },
      4,
      speculation,
    );
    return seconds / tokens;
  };
  assert.ok(each(0) > each());
  assert.ok(each(1) < each() && each(1) > each() / 2);
});

const server = (batch: number, schedule: 'mixed' | 'turns' = 'turns') => ({
  model: dense,
  replica: { chip: h100, layout: ONE } satisfies Replica,
  ...{ batch, schedule },
});

test('a request that is alone waits for its prompt, and then for steps', () => {
  const workload = { input: 512, output: 64, concurrency: 1 };
  const alone = timesOf(simulate(server(1), closedArrivals(workload, 1, 3)));
  const { ttftSeconds, tpotSeconds } = serveAggregated(dense, server(1).replica, workload, 1);
  near(alone.ttft.mean, ttftSeconds, 1e-6);
  near(alone.tpot.mean, tpotSeconds, 0.02); // contexts are told apart in steps of a tenth
  assert.equal(alone.requests, 3);
});

test('all requests of a trace are served, whole and in time', () => {
  const requests = Array.from({ length: 40 }, (_, i) => ({
    arrivalSeconds: i * 0.003,
    input: 100 + 37 * (i % 7),
    output: 1 + (i % 5) * 10,
  }));
  for (const schedule of ['mixed', 'turns'] as const) {
    const served = simulate(server(8, schedule), openArrivals(requests));
    assert.equal(new Set(served.map(({ request }) => request)).size, 40);
    for (const { request, firstSeconds, lastSeconds } of served) {
      assert.ok(firstSeconds > request.arrivalSeconds && lastSeconds >= firstSeconds);
    }
    const { ttft, tpot } = timesOf(served);
    assert.ok(ttft.p50 <= ttft.p90 && ttft.p90 <= ttft.p99 && tpot.mean > 0);
  }
});

test('a Poisson stream has its rate, and waits more the nearer it is to what can be served', () => {
  const workload = { input: 512, output: 32 };
  const at = (rate: number) => {
    const requests = poissonRequests(workload, rate, 1000, new Random(3));
    near(1000 / requests.at(-1)!.arrivalSeconds, rate, 0.1);
    return simulateReplicas(server(16), 2, requests);
  };
  const [calm, busy] = [at(5), at(400)];
  assert.equal(busy.requests, 1000);
  assert.ok(busy.ttft.p99 > 2 * calm.ttft.p99 && busy.tokensPerSecond > calm.tokensPerSecond);
  const trace = parseTrace(Buffer.from('[{"arrivalSeconds":1,"input":5,"output":7}]'), 'trace');
  assert.deepEqual(trace, [{ arrivalSeconds: 1, input: 5, output: 7 }]);
  assert.throws(
    () => parseTrace(Buffer.from('[{"arrivalSeconds":1,"input":0}]'), 'trace'),
    /input/,
  );
});

test('training: hidden exchanges are faster, recomputation slower, more chips less days', () => {
  const request = {
    ...{
      model: routed,
      chip: h100,
      count: 128,
      layout: { ...ONE, pipeline: 4, data: 8, expert: 8 },
    },
    ...{ sequenceTokens: 4096, batch: 1024, tokens: 1e12 },
    ...({ pipeline: 'zeroBubble', recompute: 'none' } as const),
  };
  const at = (changes: Partial<Parameters<typeof trainingStep>[0]> = {}) =>
    trainingStep({ ...request, ...changes }, 3.3e9);
  const base = at();
  assert.ok(at({ pipeline: 'dualPipe' }).seconds < base.seconds);
  assert.ok(at({ pipeline: '1f1b' }).seconds > base.seconds);
  assert.ok(at({ recompute: 'all' }).seconds > at({ recompute: 'rows' }).seconds);
  assert.ok(at({ count: 256 }).days < base.days);
  near(base.chipHours, base.days * 24 * 128);
  assert.ok(base.operationsPerSecondPerChip < 989e12);
});

test('every class of efficiencies names chips of the catalogue, and one is for all others', () => {
  const ids = new Set(loadAccelerators().map(({ id }) => id));
  const classes = loadEfficiencies();
  const named = classes.flatMap(({ chips }) => chips);
  assert.equal(new Set(named).size, named.length);
  assert.deepEqual(
    named.filter((id) => !ids.has(id)),
    [],
  );
  assert.equal(classes.filter(({ chips }) => chips.length === 0).length, 1);
});

test('a chip without scale-up links is a domain of its own', () => {
  const chip = loadAccelerators().find(
    ({ interconnect, memory }) =>
      interconnect.bandwidthBytesPerSecond === null && memory.bandwidthBytesPerSecond !== null,
  );
  assert.equal(networkOf(chipModel(chip!, h100.precision)).domain, 1);
});

test('prompts and tokens on chips of their own: mixed chips, and the pool that limits', () => {
  const workload = { input: 8192, output: 128, concurrency: 64 };
  const targets = { ttftSeconds: undefined, tpotSeconds: undefined };
  const split = (read: number, write: number) =>
    searchSplit({
      ...{ model: routed, workload, targets },
      read: { chip: h100, count: read },
      write: { chip: on('huawei-ascend-910c'), count: write },
    });
  const [best] = split(2, 4);
  assert.equal(best!.read.replica.chip.chip.id, 'nvidia-h100-sxm');
  assert.equal(best!.write.replica.chip.chip.id, 'huawei-ascend-910c');
  assert.ok(best!.serving.ttftSeconds > best!.serving.tpotSeconds);
  assert.equal(split(1, 16)[0]!.limitedBy, 'prompts');
  assert.notEqual(split(8, 1)[0]!.limitedBy, 'prompts');
});

test('two pools: accepted drafts save time, all requests are served, a burst waits for its turn', () => {
  const model = servedModel(readCatalogueModel('deepseek-v3'));
  const replica = { chip: on('nvidia-h200-sxm', 'fp8'), layout: { ...ONE, tensor: 8 } };
  const read = { replica, replicas: 1, sequences: 1 };
  const write = { replica, replicas: 2, sequences: 8 };
  const served = (requests: number, acceptance?: number) => {
    const speculation = acceptance === undefined ? undefined : { acceptance };
    const arrivals = closedArrivals({ input: 1000, output: 50 }, requests, 3 * requests);
    return timesOf(simulateSplit({ model, read, write, speculation }, arrivals));
  };
  const [alone, burst] = [served(1), served(16)];
  assert.equal(alone.requests, 3);
  assert.equal(burst.requests, 48);
  assert.ok(burst.ttft.p99 > 8 * alone.ttft.p99);
  assert.ok(burst.tokensPerSecond > 2 * alone.tokensPerSecond);
  assert.ok(served(1, 0.9).tpot.mean < alone.tpot.mean);
  const { ttftSeconds, tpotSeconds } = serveDisaggregated(
    model,
    { read, write: { ...write, sequences: 1 } },
    { input: 1000, output: 50, concurrency: 1 },
  );
  near(alone.tpot.mean, tpotSeconds, 0.03);
  near(alone.ttft.mean, ttftSeconds, 0.1);
});

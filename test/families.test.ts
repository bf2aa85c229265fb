/**
 * The model families against transformers, on the tiny checkpoints of test/golden (scripts/golden says
 * how they are made), and Jade against the interpreter on the same.
 */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { decodeNpy } from '../src/base/index.ts';
import { loadChip } from '../src/chip/index.ts';
import type { Target } from '../src/compile/index.ts';
import {
  f32Of,
  floatNumerics,
  Interpreter,
  topologicalOrder,
  type Graph,
} from '../src/ir/index.ts';
import { embed, ModelRunner, relevance } from '../src/engine/index.ts';
import { loadModel, type Model } from '../src/model/index.ts';
import { cpuTarget } from '../src/target/cpu/index.ts';
import { jadeNumerics, jadePasses, jadeTarget } from '../src/target/jade/index.ts';
import { referenceTarget } from '../src/target/reference/index.ts';
import { EMITTERS } from './emitters.ts';
import { portion } from './portion.ts';
import { bitsOf, Session } from './session.ts';

const FOLDER = path.join(import.meta.dirname, 'golden');

/** Largest difference from transformers in a row of logits, relative to the row's largest. */
const TOLERANCE = 1e-4;

/** What every case goes on for after its prompt. */
const DECODE_TOKENS = 16;
/** Prompts that are long for a simulator. */
const LONG_TOKENS = 200;

/** transformers has no DeepSeek-V4.1 yet; scripts/golden/README.md says what is the judge there. */
function judgeOf(name: string): string {
  return name.startsWith('deepseek-v4.1') ? 'scripts/golden/deepseek_v41.py' : 'transformers';
}

interface Golden {
  readonly promptTokens: readonly number[];
  /** What the judge was fed after the prompt, one by one. */
  readonly decodeTokens: readonly number[];
  /** The experts of each token, ascending, in each routed layer. */
  readonly experts: readonly (readonly (readonly number[])[])[];
  /** Of the last token of the prompt, of length 1. */
  readonly embedding?: readonly number[];
  /** A row for each token of the prompt, and of those after it. */
  readonly logits: readonly Float32Array[];
}

function readGolden(name: string): Golden {
  const folder = path.join(FOLDER, name);
  const golden = JSON.parse(fs.readFileSync(path.join(folder, 'golden.json'), 'utf8')) as Golden;
  const bytes = new Uint8Array(fs.readFileSync(path.join(folder, 'logits.npy')));
  const count = golden.promptTokens.length + golden.decodeTokens.length;
  return { ...golden, logits: rowsOf(decodeNpy(bytes, name).data, count) };
}

function rowsOf<A extends Float32Array | Uint32Array>(data: A, count: number): A[] {
  const width = data.length / count;
  return Array.from({ length: count }, (_, i) => data.slice(i * width, (i + 1) * width) as A);
}

/** Difference of two rows, relative to the largest of the first. */
function difference(required: Float32Array, found: Float32Array): number {
  assert.equal(found.length, required.length);
  const largest = Math.max(...required.map(Math.abs));
  return Math.max(...required.map((value, i) => Math.abs(value - found[i]!))) / largest;
}

/** The logits of the reference at every position of the prompt. */
function referenceLogits(graph: Graph, { promptTokens }: Golden): Float32Array[] {
  return rowsOf(new Session(referenceTarget(), graph).step(promptTokens), promptTokens.length);
}

/** The logits at every position when the prompt is fed `size` tokens at a time, and the rest one by one. */
function steppedLogits(
  target: Target,
  graph: Graph,
  { promptTokens, decodeTokens }: Golden,
  size: number,
): Float32Array[] {
  const session = new Session(target, graph);
  const rows: Float32Array[] = [];
  for (let start = 0; start < promptTokens.length; start += size) {
    const chunk = promptTokens.slice(start, start + size);
    rows.push(...rowsOf(session.step(chunk), chunk.length));
  }
  for (const token of decodeTokens) rows.push(session.step([token]));
  return rows;
}

function requireGolden({ logits }: Pick<Golden, 'logits'>, rows: readonly Float32Array[]): void {
  for (const [i, row] of rows.entries()) {
    const error = difference(logits[i]!, row);
    assert.ok(error < TOLERANCE, `position ${i} differs by ${error}`);
  }
}

/** The experts whose gates are not zero, for each token in each routed layer. */
function chosenExperts(graph: Graph, { promptTokens }: Golden): number[][][] {
  const routes = topologicalOrder(graph).filter(
    ({ op }) => op === 'route' || op === 'routeByToken',
  );
  const outputs = new Map(routes.map((node, i) => [`route ${i}`, node]));
  const T = promptTokens.length;
  const fed = { tokens: Int32Array.from(promptTokens), positions: Int32Array.of(0) };
  const results = new Interpreter(floatNumerics).run({ ...graph, outputs }, { B: 1, T, S: T }, fed);
  return [...results.values()].map((gates) =>
    rowsOf(f32Of(gates), T).map((row) => [...row.keys()].filter((e) => row[e] !== 0)),
  );
}

function testReference(name: string, { graph }: Model, golden: Golden): void {
  const logits = (latentAttention: 'naive' | 'absorbed'): Float32Array[] =>
    referenceLogits(graph({ logits: 'all', latentAttention }), golden);
  let naive: Float32Array[] | undefined;
  const naiveLogits = (): Float32Array[] => (naive ??= logits('naive'));

  test(`${name}: the reference gives the logits of ${judgeOf(name)} at every position`, () => {
    requireGolden(golden, naiveLogits());
  });

  if (golden.embedding !== undefined) testEmbedding(name, graph, golden, golden.embedding);

  testSteps(name, graph, golden);

  if (golden.experts.length === 0) return;

  test(`${name}: every token goes to the experts that ${judgeOf(name)} chose`, () => {
    assert.deepEqual(chosenExperts(graph({ logits: 'last' }), golden), golden.experts);
  });

  if (!name.startsWith('deepseek')) return;

  test(`${name}: absorbed latent attention gives the logits of the naive form`, () => {
    const absorbed = logits('absorbed');
    for (const [i, row] of naiveLogits().entries()) {
      const error = difference(row, absorbed[i]!);
      assert.ok(error < TOLERANCE, `position ${i} differs by ${error}`);
    }
  });
}

function testEmbedding(
  name: string,
  graph: Model['graph'],
  { promptTokens, logits }: Golden,
  embedding: readonly number[],
): void {
  test(`${name}: the embedding of the prompt is that of transformers, on reference and cpu`, () => {
    for (const target of [referenceTarget(), cpuTarget()]) {
      const ofPrompt = graph({ logits: 'last', head: 'embedding' });
      const runner = new ModelRunner(ofPrompt, target, target.open({}), promptTokens.length);
      const found = embed(runner, promptTokens);
      assert.ok(difference(Float32Array.from(embedding), found) < TOLERANCE);
      assert.ok(Math.abs(Math.hypot(...found) - 1) < 1e-6);
      const short = embed(runner, promptTokens, 16);
      assert.ok(Math.abs(Math.hypot(...short) - 1) < 1e-6);
      assert.ok(Math.abs(short[3]! / short[5]! - found[3]! / found[5]!) < 1e-4);
      assert.throws(() => embed(runner, promptTokens, 65), /from 1 to 64, not 65/);
    }
  });

  test(`${name}: relevance is the softmax of two logits of the last token`, () => {
    const target = cpuTarget();
    const tokens = graph({ logits: 'last' });
    const runner = new ModelRunner(tokens, target, target.open({}), promptTokens.length);
    const share = relevance(runner, promptTokens, { yes: 3, no: 5 });
    const row = logits[promptTokens.length - 1]!;
    const [yes, no] = [Math.exp(row[3]!), Math.exp(row[5]!)];
    assert.ok(Math.abs(share - yes / (yes + no)) < 1e-4);
    const other = relevance(runner, promptTokens, { yes: 5, no: 3 });
    assert.ok(Math.abs(share + other - 1) < 1e-6);
  });
}

function testSteps(name: string, graph: Model['graph'], golden: Golden): void {
  test(`${name}: the prompt at once, in chunks and token by token, and what follows, give the same bits`, () => {
    const steps = (size: number): Float32Array[] =>
      steppedLogits(referenceTarget(), graph({ logits: 'all' }), golden, size);
    const whole = steps(golden.promptTokens.length);
    assert.equal(whole.length, golden.promptTokens.length + DECODE_TOKENS);
    requireGolden(golden, whole);
    for (const size of portion([7, 32, 1], 3))
      assert.deepEqual(steps(size), whole, `in chunks of ${size}`);
  });

  const chunked = graph({ logits: 'all', deltaRule: 'chunked' });
  if (topologicalOrder(chunked).some(({ op }) => op === 'gatedDelta')) {
    test(`${name}: delta rules in chunks give the logits of transformers`, () => {
      for (const size of [golden.promptTokens.length, 70]) {
        requireGolden(golden, steppedLogits(referenceTarget(), chunked, golden, size));
      }
    });
  }
}

function testCpu(name: string, { graph }: Model, golden: Golden): void {
  test(`${name} on cpu: the logits of transformers, and the same bits however the prompt is cut`, () => {
    for (const emitter of EMITTERS) {
      const steps = (size: number): Float32Array[] =>
        steppedLogits(cpuTarget({ emitter }), graph({ logits: 'all' }), golden, size);
      const whole = steps(golden.promptTokens.length);
      requireGolden(golden, whole);
      for (const size of portion([7, 32, 1], 3))
        assert.deepEqual(steps(size), whole, `${emitter}, in chunks of ${size}`);
      const last = new Session(cpuTarget({ emitter }), graph({ logits: 'last' }));
      const size = Math.ceil(golden.promptTokens.length / 2);
      const row = last.feed(golden.promptTokens, size);
      assert.deepEqual(row, whole[golden.promptTokens.length - 1], `${emitter}, of the last token`);
    }
  });
}

function testJade(name: string, { graph }: Model, golden: Golden): void {
  const chip = loadChip('jade-edge');
  test(`${name} on jade: chip and interpreter give the same bits, however the prompt is cut`, () => {
    const tokens = [...golden.promptTokens, ...golden.decodeTokens];
    const judge = new Session(
      referenceTarget(jadeNumerics(chip), jadePasses(chip)),
      graph({ logits: 'all' }),
    );
    const required = rowsOf(bitsOf(judge.step(tokens)), tokens.length);
    const target = jadeTarget(chip, { contextTokens: tokens.length, checkHazards: true });
    const onChip = new Session(target, graph({ logits: 'last' }));
    // A long prompt is cut one way only: simulating it takes a quarter of a minute.
    for (const size of tokens.length > LONG_TOKENS ? [32] : portion([32, 7], 2)) {
      onChip.reset();
      const cuts = cutsOf(golden, size);
      for (const [i, start] of cuts.entries()) {
        const chunk = tokens.slice(start, cuts[i + 1]);
        const last = start + chunk.length - 1;
        const bits = bitsOf(onChip.step(chunk));
        assert.deepEqual(bits, required[last], `position ${last} in chunks of ${size}`);
      }
    }
  });
}

/** Where steps start: the prompt in chunks, then what follows one by one. */
function cutsOf({ promptTokens, decodeTokens }: Golden, size: number): number[] {
  const chunks = Math.ceil(promptTokens.length / size);
  return [
    ...Array.from({ length: chunks }, (_, i) => i * size),
    ...decodeTokens.map((_, i) => promptTokens.length + i),
  ];
}

for (const name of fs.readdirSync(FOLDER)) {
  const [model, golden] = [loadModel(path.join(FOLDER, name)), readGolden(name)];
  testReference(name, model, golden);
  testCpu(name, model, golden);
  testJade(name, model, golden);
}

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { goldenGraph, GOLDEN_MODELS, readGolden } from '../../../test/golden.ts';
import { compileLowered, type Device, type StepResult, type Target } from '../../compile/index.ts';
import { f32Of, floatNumerics, Interpreter, type Dims, type Graph } from '../../ir/index.ts';
import { loadModel } from '../../model/index.ts';
import { cpuTarget } from './target.ts';

/** Largest difference from the judge, relative to the largest logit (docs/numerics.md). */
const TOLERANCE = 1e-4;

const MODELS = path.join(import.meta.dirname, '../../../models');

/** Runs the graph as it is, without any pass, one sequence at a time. */
class Runner {
  readonly #target: Target = cpuTarget();
  readonly #device: Device = this.#target.open({});
  readonly #graph: Graph;

  constructor(graph: Graph) {
    this.#graph = graph;
  }

  step(tokens: readonly number[], position: number): StepResult {
    const T = tokens.length;
    const dims: Dims = this.#target.bucket({ B: 1, T, S: position + T });
    const program = compileLowered(this.#graph, this.#target, dims);
    const positions = Int32Array.of(position);
    return this.#device.run(program, { tokens: Int32Array.from(tokens), positions });
  }
}

function assertClose(found: Float32Array, required: Float32Array): void {
  const largest = Math.max(...required.map(Math.abs));
  const error = Math.max(...required.map((value, i) => Math.abs(value - found[i]!))) / largest;
  assert.ok(error < TOLERANCE, `logits must be within ${TOLERANCE}, not ${error}`);
}

/** Sum of −ln softmax(logits)[token] over rows of logits, each for the token after it. */
function logLoss(logits: Float32Array, tokens: readonly number[]): number {
  const V = logits.length / (tokens.length - 1);
  let sum = 0;
  for (const [i, token] of tokens.slice(1).entries()) {
    const row = logits.subarray(i * V, (i + 1) * V);
    const largest = row.reduce((a, b) => Math.max(a, b));
    const total = row.reduce((a, b) => a + Math.exp(b - largest), 0);
    sum += Math.log(total) + largest - row[token]!;
  }
  return sum;
}

for (const [name, form] of GOLDEN_MODELS) {
  const graph = goldenGraph(name, form);

  test(`${name}, ${form}: all greedy tokens are those of PyTorch, and logits those of the judge`, () => {
    const judge = new Interpreter(floatNumerics);
    const runner = new Runner(graph);
    for (const { promptTokens, greedyTokens } of readGolden(name)) {
      const found: number[] = [];
      let [fed, position]: [readonly number[], number] = [promptTokens, 0];
      judge.reset();
      while (found.length < greedyTokens.length) {
        const { logits, next } = runner.step(fed, position);
        const inputs = { tokens: Int32Array.from(fed), positions: Int32Array.of(position) };
        const dims = { B: 1, T: fed.length, S: 128 };
        assertClose(logits, f32Of(judge.run(graph, dims, inputs).get('logits')!));
        position += fed.length;
        fed = [next[0]!];
        found.push(next[0]!);
      }
      assert.deepEqual(found, greedyTokens);
    }
  });
}

for (const name of ['qwen3-tiny', 'deepseek-v3-tiny']) {
  test(`${name}: the perplexity of the unseen chats is that of PyTorch`, () => {
    const read = (...parts: string[]): unknown =>
      JSON.parse(fs.readFileSync(path.join(MODELS, ...parts), 'utf8'));
    const { valid } = read(name, 'golden.json') as { valid: { negativeLogLikelihood: number } };
    const chats = read('valid.json') as { tokens: number[] }[];
    const runner = new Runner(loadModel(path.join(MODELS, name)).graph({ logits: 'all' }));
    let sum = 0;
    for (const { tokens } of chats)
      sum += logLoss(runner.step(tokens.slice(0, -1), 0).logits, tokens);
    const error = Math.abs(sum - valid.negativeLogLikelihood) / valid.negativeLogLikelihood;
    assert.ok(error < 1e-5, `${sum} is off by ${error}`);
  });
}

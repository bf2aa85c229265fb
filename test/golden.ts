/** What the demo models must give: greedy tokens and logits that PyTorch gave, in models/NAME/golden*. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { decodeNpy } from '../src/base/index.ts';
import { compileLowered, type Device, type Program } from '../src/compile/index.ts';
import type { Graph } from '../src/ir/index.ts';
import { loadModel, type GraphOptions } from '../src/model/index.ts';
import { referenceTarget } from '../src/target/reference/index.ts';

const MODELS = path.join(import.meta.dirname, '..', 'models');

/** Largest difference from PyTorch's f32, relative to the largest logit (docs/numerics.md). */
const TOLERANCE = 1e-3;

/** The demo models, and the forms of attention each has. */
export const GOLDEN_MODELS: readonly (readonly [
  string,
  GraphOptions['latentAttention'] & string,
])[] = [
  ['qwen3-tiny', 'naive'],
  ['deepseek-v3-tiny', 'naive'],
  ['deepseek-v3-tiny', 'absorbed'],
];

export interface GoldenCase {
  readonly promptTokens: readonly number[];
  readonly greedyTokens: readonly number[];
  /** At the last token of the prompt. */
  readonly logits: Float32Array;
}

export function readGolden(model: string): GoldenCase[] {
  const folder = path.join(MODELS, model);
  const { cases } = JSON.parse(fs.readFileSync(path.join(folder, 'golden.json'), 'utf8')) as {
    cases: Omit<GoldenCase, 'logits'>[];
  };
  const bytes = new Uint8Array(fs.readFileSync(path.join(folder, 'golden-logits.npy')));
  const { shape, data } = decodeNpy(bytes, 'golden-logits.npy');
  const width = shape[1]!;
  return cases.map((given, i) => ({ ...given, logits: data.subarray(i * width, (i + 1) * width) }));
}

export function goldenGraph(model: string, latentAttention: 'naive' | 'absorbed'): Graph {
  return loadModel(path.join(MODELS, model)).graph({ logits: 'last', latentAttention });
}

/** Requires the reference to give the logits, and the first `count` tokens, of each case. */
export function checkGolden(
  graph: Graph,
  cases: readonly GoldenCase[],
  count: number,
  tolerance = TOLERANCE,
): void {
  const generate = referenceGenerator(graph);
  for (const { promptTokens, greedyTokens, logits } of cases) {
    const required = greedyTokens.slice(0, count);
    const found = generate(promptTokens, required.length);
    assert.deepEqual(found.tokens, required);
    const error = largestDifference(logits, found.logits);
    assert.ok(error < tolerance, `logits must be within ${tolerance}, not ${error}`);
  }
}

/** Greedy generation on the reference target, of the graph as it is, without any pass. */
function referenceGenerator(
  graph: Graph,
): (prompt: readonly number[], count: number) => { tokens: number[]; logits: Float32Array } {
  const target = referenceTarget();
  const device: Device = target.open({});
  return (prompt, count) => {
    device.reset();
    const tokens: number[] = [];
    let [fed, position, first]: [readonly number[], number, Float32Array | undefined] = [
      prompt,
      0,
      undefined,
    ];
    while (tokens.length < count) {
      const dims = target.bucket({ B: 1, T: fed.length, S: position + fed.length });
      const program: Program = compileLowered(graph, target, dims);
      const inputs = { tokens: Int32Array.from(fed), positions: Int32Array.of(position) };
      const { logits, next } = device.run(program, inputs);
      first ??= logits;
      position += fed.length;
      fed = [next[0]!];
      tokens.push(next[0]!);
    }
    return { tokens, logits: first! };
  };
}

function largestDifference(required: Float32Array, found: Float32Array): number {
  assert.equal(found.length, required.length);
  const largest = Math.max(...required.map(Math.abs));
  return Math.max(...required.map((value, i) => Math.abs(value - found[i]!))) / largest;
}

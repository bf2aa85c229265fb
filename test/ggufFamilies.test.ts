/**
 * Every family that GGUF holds, from files that scripts/golden/gguf_models.py made of the checkpoints of
 * test/golden: the weights and, on each target that runs the family, the logits are those of the folder,
 * which test/families.test.ts holds to transformers.
 */
import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { loadChip } from '../src/chip/index.ts';
import type { Target } from '../src/compile/index.ts';
import type { Graph } from '../src/ir/index.ts';
import { loadModel, type Model } from '../src/model/index.ts';
import { GGUF, MODEL_PROOFS } from '../scripts/proofs.table.ts';
import { cpuTarget } from '../src/target/cpu/index.ts';
import { jadeTarget } from '../src/target/jade/index.ts';
import { referenceTarget } from '../src/target/reference/index.ts';
import { whyRefused } from './conformance/conformance.ts';
import { bitsOf, requireClose, Session } from './session.ts';

/** Files of test/formats, and the folders of test/golden that they were made from. */
const FILES = [
  ['qwen2', 'qwen2-tied'],
  ['qwen3', 'qwen3-yarn'],
  ['qwen3moe', 'qwen3-moe'],
  ['qwen3next', 'qwen3-next'],
  ['qwen35', 'qwen3.5'],
  ['qwen35moe', 'qwen3.5-moe'],
  ['deepseek2-v2', 'deepseek-v2-lite'],
  ['deepseek2', 'deepseek-v3-one-group'],
  ['deepseek32', 'deepseek-v3.2-sparse'],
  ['deepseek4', 'deepseek-v4-compressed'],
] as const;

const TARGETS: readonly Target[] = [
  referenceTarget(),
  cpuTarget({ activations: 'f32' }),
  jadeTarget(loadChip('jade-edge'), { contextTokens: 64 }),
];

/** Past the rows that V3.2 chooses, the window of V4 and several of its sparse entries. */
const PROMPT = Array.from({ length: 41 }, (_, i) => (i * i + 3 * i + 5) % 64);
const DECODED = [11, 50, 2];

/** GGUF stores −exp(A_log), whose logarithm is rounded; all other weights come back exactly. */
const ROUNDED = 'A_log';
const ROUNDING = 1e-6;

for (const [file, folder] of FILES) {
  test(`${file}.gguf: the weights of ${folder}, and with them its logits on each target`, () => {
    const model = loadModel(path.join(import.meta.dirname, 'formats', `${file}.gguf`));
    const original = loadModel(path.join(import.meta.dirname, 'golden', folder));
    compare(model, original);
    for (const { checkpoint } of [model, original]) checkpoint.close();
  });
}

test('there is a file for every family that docs/support.md says is read', () => {
  const proved = MODEL_PROOFS.filter(({ formats }) => formats.includes(GGUF));
  const families = FILES.map(([, folder]) => {
    return loadModel(path.join(import.meta.dirname, 'golden', folder)).config.family;
  });
  assert.deepEqual(families.toSorted(), proved.flatMap((proof) => proof.families!).toSorted());
});

function compare(model: Model, original: Model): void {
  const [found, required] = [model, original].map((m) => m.graph({ logits: 'last' })) as [
    Graph,
    Graph,
  ];
  assert.equal(model.config.family, original.config.family);
  compareWeights(found, required);
  const exact = { ...required, weights: withRounded(required, found) };
  for (const target of TARGETS) {
    if (whyRefused(required, target) !== undefined) continue;
    const [a, b] = [logits(target, found), logits(target, exact)];
    // Sums of floats that the cpu keeps as they are stored have another order than those of f32.
    if (target.name !== 'cpu') assert.deepEqual(a.map(bitsOf), b.map(bitsOf), target.name);
    else for (const [i, row] of a.entries()) requireClose(row, b[i]!);
  }
  const [a, b] = [found, required].map((graph) => logits(referenceTarget(), graph).at(-1)!);
  const largest = Math.max(...b!.map(Math.abs));
  assert.ok(a!.every((x, i) => Math.abs(x - b![i]!) < 10 * ROUNDING * largest));
}

/** In the order in which the layers use them: stacked experts have other names in GGUF. */
function compareWeights(found: Graph, required: Graph): void {
  const [weights, originals] = [found, required].map((graph) => [...graph.weights.values()]);
  assert.equal(weights!.length, originals!.length);
  for (const [i, { name, load }] of originals!.entries()) {
    const [a, b] = [weights![i]!.load(), load()];
    if (name.includes(ROUNDED)) assert.ok(areClose(a, b), name);
    else assert.deepEqual(bitsOf(a), bitsOf(b), name);
  }
}

function areClose(found: Float32Array, required: Float32Array): boolean {
  return found.every((x, i) => Math.abs(x - required[i]!) <= ROUNDING * Math.abs(required[i]!));
}

/** The weights of a graph, those that GGUF rounds from the other. */
function withRounded({ weights }: Graph, from: Graph): Graph['weights'] {
  const others = [...from.weights.values()];
  return new Map(
    [...weights].map(([name, weight], i) => [name, name.includes(ROUNDED) ? others[i]! : weight]),
  );
}

/** After the prompt, and after each token that follows. */
function logits(target: Target, graph: Graph): Float32Array[] {
  const session = new Session(target, graph);
  return [PROMPT, ...DECODED.map((token) => [token])].map((tokens) =>
    Float32Array.from(session.step(tokens)),
  );
}

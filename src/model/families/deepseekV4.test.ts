import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../base/index.ts';
import {
  f32Of,
  floatNumerics,
  Interpreter,
  parseGraph,
  printGraph,
  typeToString,
  verify,
} from '../../ir/index.ts';
import { parseModelConfig } from '../checkpoint/config.ts';
import { buildGraph } from '../model.ts';
import type { WeightReader } from './builder.ts';

const CONFIG = {
  architectures: ['DeepseekV4ForCausalLM'],
  hidden_size: 16,
  num_hidden_layers: 3,
  num_attention_heads: 4,
  num_key_value_heads: 1,
  head_dim: 16,
  q_lora_rank: 12,
  qk_rope_head_dim: 4,
  o_groups: 2,
  o_lora_rank: 8,
  sliding_window: 6,
  compress_ratios: [0, 4, 128, 0],
  rope_theta: 10_000,
  compress_rope_theta: 160_000,
  rope_scaling: { type: 'yarn', factor: 16, original_max_position_embeddings: 32 },
  index_head_dim: 8,
  index_n_heads: 3,
  index_topk: 3,
  hc_mult: 4,
  hc_sinkhorn_iters: 20,
  hc_eps: 1e-6,
  moe_intermediate_size: 8,
  n_routed_experts: 4,
  n_shared_experts: 1,
  num_experts_per_tok: 2,
  num_hash_layers: 1,
  norm_topk_prob: true,
  routed_scaling_factor: 1.5,
  scoring_func: 'sqrtsoftplus',
  swiglu_limit: 10,
  max_position_embeddings: 512,
  vocab_size: 40,
  rms_norm_eps: 1e-6,
};

const RANDOM_WEIGHTS: WeightReader = {
  has: () => false,
  requireWeight() {},
  readF32(name, shape) {
    const size = shape.reduce((a, b) => a * b, 1);
    if (name.endsWith('tid2eid')) return Float32Array.from({ length: size }, (_, i) => (i * 3) % 4);
    const random = new Random([...name].reduce((sum, c) => (sum * 31 + c.charCodeAt(0)) % 9973, 7));
    const limit = shape.length === 1 ? 1 : 2 / Math.sqrt(shape.at(-1)!);
    return Float32Array.from({ length: size }, () => (random.float() * 2 - 1) * limit);
  },
};

const GRAPH = buildGraph(parseModelConfig(CONFIG), RANDOM_WEIGHTS, { logits: 'last' });
const PROMPT = Int32Array.from({ length: 270 }, (_, i) => (i * 17 + 3) % 40);

/** Feeds pieces of the prompt to one sequence and gives the logits after them. */
function logitsAfter(pieces: readonly number[]): Float32Array {
  const interpreter = new Interpreter(floatNumerics);
  let [position, logits] = [0, new Float32Array()];
  for (const T of pieces) {
    const fed = {
      tokens: PROMPT.subarray(position, position + T),
      positions: Int32Array.of(position),
    };
    const results = interpreter.run(GRAPH, { B: 1, T, S: 512 }, fed);
    logits = Float32Array.from(f32Of(results.get('logits')!));
    position += T;
  }
  return logits;
}

test('the graph keeps the rules of the IR, and its text form is exact', () => {
  verify(GRAPH);
  assert.equal(printGraph(parseGraph(printGraph(GRAPH))), printGraph(GRAPH));
});

test('a prompt past two heavy entries gives the same bits however it is cut', () => {
  const whole = logitsAfter([270]);
  assert.ok(whole.every(Number.isFinite));
  for (const pieces of [[127, 1, 1, 126, 1, 14], [3, 5, 262], new Array<number>(270).fill(1)]) {
    assert.deepEqual(logitsAfter(pieces), whole);
  }
});

test('sequences of a batch with unequal lengths do not touch each other', () => {
  const interpreter = new Interpreter(floatNumerics);
  const reversed = PROMPT.toReversed();
  const step = (first: number, second: number, T: number): Float32Array => {
    const parts = [PROMPT.subarray(first, first + T), reversed.subarray(second, second + T)];
    const fed = {
      tokens: Int32Array.from(parts.flatMap((part) => [...part])),
      positions: Int32Array.of(first, second),
    };
    return f32Of(interpreter.run(GRAPH, { B: 2, T, S: 512 }, fed).get('logits')!);
  };
  step(0, 0, 20);
  step(20, 0, 130); // the second sequence starts again
  const logits = step(150, 130, 5);
  assert.deepEqual(logits.subarray(0, 40), logitsAfter([155]));
});

test('a snapshot of window and compressors comes back exactly', () => {
  const interpreter = new Interpreter(floatNumerics);
  const feed = (tokens: Int32Array, position: number): Float32Array => {
    const fed = { tokens, positions: Int32Array.of(position) };
    const results = interpreter.run(GRAPH, { B: 1, T: tokens.length, S: 512 }, fed);
    return Float32Array.from(f32Of(results.get('logits')!));
  };
  feed(PROMPT.subarray(0, 126), 0);
  const snapshot = interpreter.snapshot();
  feed(PROMPT.toReversed().subarray(0, 9), 126); // a guess that ends entries of both kinds
  interpreter.restore(snapshot);
  assert.deepEqual(feed(PROMPT.subarray(126, 140), 126), logitsAfter([140]));
});

test('the state of a layer is its window, what its compressors pool and the entries they made', () => {
  const types = [...GRAPH.states].map(
    ([name, { inputs }]) => `${name} ${typeToString(inputs[0]!.type)}`,
  );
  assert.deepEqual(types.toSorted(), [
    'layers.0.window f32[B,6,1,16]',
    'layers.1.entries f32[B,S,1,16]',
    'layers.1.entries.recent f32[B,7,64]',
    'layers.1.index f32[B,S,1,8]',
    'layers.1.index.recent f32[B,7,32]',
    'layers.1.window f32[B,6,1,16]',
    'layers.2.entries f32[B,S,1,16]',
    'layers.2.entries.recent f32[B,127,32]',
    'layers.2.window f32[B,6,1,16]',
  ]);
});

test('a table with an expert that is none is refused with the token', () => {
  const broken: WeightReader = {
    ...RANDOM_WEIGHTS,
    readF32: (name, shape) =>
      name.endsWith('tid2eid') ? new Float32Array(80).fill(4) : RANDOM_WEIGHTS.readF32(name, shape),
  };
  const graph = buildGraph(parseModelConfig(CONFIG), broken, { logits: 'last' });
  const fed = { tokens: Int32Array.of(7), positions: Int32Array.of(0) };
  assert.throws(
    () => new Interpreter(floatNumerics).run(graph, { B: 1, T: 1, S: 8 }, fed),
    /the experts of a token must be from 0 to 3, not 4/,
  );
});

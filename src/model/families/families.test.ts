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
  type Graph,
} from '../../ir/index.ts';
import { catalogueModelNames, readCatalogueModel } from '../checkpoint/catalogue.node.ts';
import { parseModelConfig, type ModelConfig } from '../checkpoint/config.ts';
import { buildGraph } from '../model.ts';
import { NO_WEIGHTS, type WeightReader } from './builder.ts';

const DECODER = {
  hidden_size: 32,
  intermediate_size: 48,
  num_attention_heads: 4,
  max_position_embeddings: 256,
  vocab_size: 40,
  rms_norm_eps: 1e-6,
  rope_theta: 10_000,
};

const QWEN3 = parseModelConfig({
  ...DECODER,
  architectures: ['Qwen3ForCausalLM'],
  num_hidden_layers: 2,
  num_key_value_heads: 2,
  head_dim: 16,
  tie_word_embeddings: true,
  rope_scaling: { rope_type: 'yarn', factor: 4, original_max_position_embeddings: 8 },
});

const DEEPSEEK = parseModelConfig({
  ...DECODER,
  architectures: ['DeepseekV3ForCausalLM'],
  num_hidden_layers: 3,
  num_key_value_heads: 4,
  q_lora_rank: 20,
  kv_lora_rank: 24,
  qk_nope_head_dim: 8,
  qk_rope_head_dim: 4,
  v_head_dim: 12,
  first_k_dense_replace: 1,
  moe_intermediate_size: 16,
  n_routed_experts: 8,
  n_shared_experts: 2,
  num_experts_per_tok: 3,
  n_group: 4,
  topk_group: 2,
  norm_topk_prob: true,
  routed_scaling_factor: 2.5,
  num_nextn_predict_layers: 1,
  rope_scaling: {
    type: 'yarn',
    factor: 40,
    original_max_position_embeddings: 16,
    mscale: 1,
    mscale_all_dim: 1,
  },
});

const QWEN2 = parseModelConfig({
  ...DECODER,
  architectures: ['Qwen2ForCausalLM'],
  num_hidden_layers: 2,
  num_key_value_heads: 1,
});

const EXPERTS = { num_experts: 6, num_experts_per_tok: 2, moe_intermediate_size: 16 };

const QWEN3_MOE = parseModelConfig({
  ...DECODER,
  ...EXPERTS,
  architectures: ['Qwen3MoeForCausalLM'],
  num_hidden_layers: 2,
  num_key_value_heads: 2,
  head_dim: 16,
  mlp_only_layers: [1],
});

const HYBRID = {
  ...DECODER,
  ...EXPERTS,
  num_hidden_layers: 4,
  num_key_value_heads: 2,
  head_dim: 16,
  shared_expert_intermediate_size: 24,
  linear_num_key_heads: 2,
  linear_num_value_heads: 4,
  linear_key_head_dim: 8,
  linear_value_head_dim: 6,
  linear_conv_kernel_dim: 4,
};

const QWEN3_NEXT = parseModelConfig({ ...HYBRID, architectures: ['Qwen3NextForCausalLM'] });
const QWEN35 = parseModelConfig({ ...HYBRID, architectures: ['Qwen3_5ForCausalLM'] });
const QWEN35_MOE = parseModelConfig({ ...HYBRID, architectures: ['Qwen3_5MoeForCausalLM'] });

/** Random weights, the same for the same name: large enough that every part of the model matters. */
const RANDOM_WEIGHTS: WeightReader = {
  has: () => false,
  requireWeight() {},
  readF32(name, shape) {
    const seed = [...name].reduce((sum, c) => (sum * 31 + c.charCodeAt(0)) % 1_000_003, 7);
    const random = new Random(seed);
    const scale = shape.length === 1 ? 1 : 2 / Math.sqrt(shape.at(-1)!);
    return Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () =>
      shape.length === 1 ? 0.5 + random.float() : (random.float() * 2 - 1) * scale,
    );
  },
};

const PROMPT = Int32Array.from({ length: 40 }, (_, i) => (i * 17 + 3) % 40);

/** Logits after the prompt, fed in pieces of the sizes given. */
function logitsAfter(graph: Graph, pieces: readonly number[]): Float32Array {
  const interpreter = new Interpreter(floatNumerics);
  let [position, logits] = [0, new Float32Array()];
  for (const T of pieces) {
    const tokens = PROMPT.subarray(position, position + T);
    const fed = { tokens, positions: Int32Array.of(position) };
    logits = Float32Array.from(
      f32Of(interpreter.run(graph, { B: 1, T, S: 64 }, fed).get('logits')!),
    );
    position += T;
  }
  assert.equal(position, PROMPT.length);
  return logits;
}

/** Largest difference, relative to the largest magnitude. */
function difference(a: Float32Array, b: Float32Array): number {
  const largest = a.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  return a.reduce((most, x, i) => Math.max(most, Math.abs(x - b[i]!)), 0) / largest;
}

const GRAPHS: Readonly<Record<string, Graph>> = {
  qwen2: buildGraph(QWEN2, RANDOM_WEIGHTS, { logits: 'last' }),
  qwen3_moe: buildGraph(QWEN3_MOE, RANDOM_WEIGHTS, { logits: 'last' }),
  qwen3_next: buildGraph(QWEN3_NEXT, RANDOM_WEIGHTS, { logits: 'last' }),
  qwen3_5: buildGraph(QWEN35, RANDOM_WEIGHTS, { logits: 'last' }),
  qwen3_5_moe: buildGraph(QWEN35_MOE, RANDOM_WEIGHTS, { logits: 'last' }),
  qwen3: buildGraph(QWEN3, RANDOM_WEIGHTS, { logits: 'last' }),
  'deepseek_v3 naive': buildGraph(DEEPSEEK, RANDOM_WEIGHTS, { logits: 'last' }),
  'deepseek_v3 absorbed': buildGraph(DEEPSEEK, RANDOM_WEIGHTS, {
    logits: 'last',
    latentAttention: 'absorbed',
  }),
};

function recurrent({ states }: Graph): boolean {
  return [...states.values()].some(({ op }) => op !== 'append');
}

for (const [name, graph] of Object.entries(GRAPHS)) {
  test(`${name}: the graph keeps the rules of the IR, and its text form is exact`, () => {
    verify(graph);
    assert.equal(printGraph(parseGraph(printGraph(graph))), printGraph(graph));
  });

  test(`${name}: a prompt in one piece, in chunks and token by token gives the same bits`, () => {
    const whole = logitsAfter(graph, [40]);
    assert.ok(whole.every(Number.isFinite));
    for (const pieces of [new Array<number>(40).fill(1), [7, 7, 7, 7, 7, 5], [32, 8]]) {
      assert.deepEqual(logitsAfter(graph, pieces), whole);
    }
  });

  test(`${name}: sequences of a batch at different positions do not touch each other`, () => {
    const alone = logitsAfter(graph, [40]);
    const interpreter = new Interpreter(floatNumerics);
    const step = (tokens: Int32Array[], positions: number[]): Float32Array => {
      const fed = {
        tokens: Int32Array.from(tokens.flatMap((part) => [...part])),
        positions: Int32Array.from(positions),
      };
      const dims = { B: 2, T: tokens[0]!.length, S: 64 };
      return f32Of(interpreter.run(graph, dims, fed).get('logits')!);
    };
    // The second sequence starts again, and is then shorter than the first.
    const reversed = PROMPT.toReversed();
    step([PROMPT.subarray(0, 20), reversed.subarray(0, 20)], [0, 0]);
    step([PROMPT.subarray(20, 30), reversed.subarray(5, 15)], [20, 0]);
    const logits = step([PROMPT.subarray(30, 40), reversed.subarray(0, 10)], [30, 10]);
    assert.deepEqual(logits.subarray(0, 40), alone);
    if (recurrent(graph)) return;
    // Rows of keys and values are there to go back to.
    step([PROMPT.subarray(20, 30), reversed.subarray(5, 15)], [20, 5]);
    const again = step([PROMPT.subarray(30, 40), reversed.subarray(0, 10)], [30, 15]);
    assert.deepEqual(again.subarray(0, 40), alone);
  });
}

test('absorbed latent attention gives the logits of the naive form', () => {
  const naive = logitsAfter(GRAPHS['deepseek_v3 naive']!, [32, 8]);
  const absorbed = logitsAfter(GRAPHS['deepseek_v3 absorbed']!, [32, 8]);
  const found = difference(naive, absorbed);
  assert.ok(found > 0 && found < 1e-4, `${found}`); // equal in exact arithmetic, but not the same sums
});

test('delta rules in chunks give the logits of those token by token', () => {
  for (const model of [QWEN3_NEXT, QWEN35]) {
    const graph = (deltaRule: 'recurrent' | 'chunked'): Graph =>
      buildGraph(model, RANDOM_WEIGHTS, { logits: 'last', deltaRule });
    const found = difference(
      logitsAfter(graph('recurrent'), [40]),
      logitsAfter(graph('chunked'), [33, 7]),
    );
    assert.ok(found > 0 && found < 1e-4, `${found}`);
  }
});

test('logits of all tokens end with those of the last', () => {
  for (const model of [QWEN2, QWEN3, QWEN3_MOE, QWEN3_NEXT, QWEN35, QWEN35_MOE, DEEPSEEK]) {
    const all = logitsAfter(buildGraph(model, RANDOM_WEIGHTS, { logits: 'all' }), [40]);
    const last = logitsAfter(buildGraph(model, RANDOM_WEIGHTS, { logits: 'last' }), [40]);
    assert.equal(all.length, 40 * last.length);
    assert.deepEqual(all.subarray(39 * last.length), last);
  }
});

function stateTypes(model: ModelConfig, latentAttention: 'naive' | 'absorbed' = 'naive'): string[] {
  const { states } = buildGraph(model, NO_WEIGHTS, { logits: 'last', latentAttention });
  return [...states].map(([name, node]) => {
    const state = node.inputs.find(({ op }) => op === 'state')!;
    return `${name} ${typeToString(state.type)}`;
  });
}

test('the state of each layer is what its attention needs', () => {
  assert.deepEqual(stateTypes(QWEN3, 'naive'), [
    'layers.0.k f32[B,S,2,16]',
    'layers.0.v f32[B,S,2,16]',
    'layers.1.k f32[B,S,2,16]',
    'layers.1.v f32[B,S,2,16]',
  ]);
  assert.deepEqual(stateTypes(QWEN35).slice(-4), [
    'layers.2.convolution f32[B,3,56]',
    'layers.2.memory f32[B,4,8,6]',
    'layers.3.k f32[B,S,2,16]',
    'layers.3.v f32[B,S,2,16]',
  ]);
  assert.deepEqual(stateTypes(DEEPSEEK, 'naive').slice(0, 2), [
    'layers.0.k f32[B,S,4,12]',
    'layers.0.v f32[B,S,4,12]',
  ]);
  assert.deepEqual(stateTypes(DEEPSEEK, 'absorbed'), [
    'layers.0.latent f32[B,S,1,28]',
    'layers.1.latent f32[B,S,1,28]',
    'layers.2.latent f32[B,S,1,28]',
  ]);
});

/**
 * What the count of the shapes of DeepSeek-V4 leaves out and we have: the tables of experts by token and
 * the base and scale of the streams' head; and has for all layers: the bias of routers. Of V4.1 it leaves
 * out the tables by n-gram, and the classes of tokens, which follow from the tokenizer. That of Flash-Next
 * leaves out the table of n-grams, 16 primes of rows of 160, and has a last norm.
 */
function uncounted({ family, config }: ModelConfig): number {
  if (family === 'qwen4_exp') {
    const indexers = config.layer_types.filter((type) => type === 'full_attention').length;
    const shares = indexers * config.indexer_head_dim * config.indexer_compress_ratio;
    return 320_001_536 * 160 - config.hidden_size + shares;
  }
  if (family === 'deepseek_v41') {
    const rows = config.engram_num_embeddings.reduce((sum, count) => sum + count, 0);
    return rows * config.engram_head_dim + config.vocab_size;
  }
  if (family !== 'deepseek_v4') return 0;
  const { num_hash_layers: layers, vocab_size, num_experts_per_tok, hc_mult } = config;
  return layers * (vocab_size * num_experts_per_tok - config.n_routed_experts) + hc_mult + 1;
}

for (const name of catalogueModelNames()) {
  test(`${name}: the graph of the configuration has as many parameters as the model`, () => {
    const { model, raw } = readCatalogueModel(name);
    const { main_params_from_shapes: required } = raw['_computed'] as Record<string, number>;
    const { weights } = buildGraph(model, NO_WEIGHTS, { logits: 'last' });
    const sizes = [...weights.values()].map(({ shape }) => shape.reduce((a, b) => a * b, 1));
    const found = sizes.reduce((sum, size) => sum + size, 0);
    assert.equal(found, required! + uncounted(model));
  });
}

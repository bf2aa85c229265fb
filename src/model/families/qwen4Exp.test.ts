import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FormatError, Random, UnsupportedError } from '../../base/index.ts';
import {
  f32Of,
  floatNumerics,
  Interpreter,
  parseGraph,
  printGraph,
  verify,
} from '../../ir/index.ts';
import { parseModelConfig } from '../checkpoint/config.ts';
import { buildGraph } from '../model.ts';
import type { WeightReader } from './builder.ts';
import { moduliOf, multipliersOf } from './ngrams.ts';

const CONFIG = {
  architectures: ['Qwen4ExpForCausalLM'],
  hidden_size: 16,
  num_hidden_layers: 4,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  head_dim: 8,
  partial_rotary_factor: 0.5,
  rope_theta: 10_000,
  linear_num_key_heads: 2,
  linear_num_value_heads: 4,
  linear_key_head_dim: 4,
  linear_value_head_dim: 4,
  linear_conv_kernel_dim: 4,
  output_gate_type: 'sigmoid',
  moe_intermediate_size: 8,
  shared_expert_intermediate_size: 8,
  num_experts: 4,
  num_experts_per_tok: 2,
  hc_count: 3,
  hc_lowrank: 6,
  ple_layer_ids: [2, 3],
  ngram_size: 3,
  heads_per_ngram: 2,
  ngram_vocab_size_base: 50,
  make_ngram_vocab_size_divisible_by: 8,
  split_ngram_parts: 3,
  indexer_n_heads: 3,
  indexer_head_dim: 8,
  indexer_budget: 8,
  indexer_compress_ratio: 4,
  eos_token_id: [5, 6],
  max_position_embeddings: 512,
  vocab_size: 40,
  rms_norm_eps: 1e-6,
};

/** Random weights, the same for the same name; rows are those of the whole. */
class RandomReader implements WeightReader {
  readonly rowsRead: string[] = [];
  readonly #shapes = new Map<string, readonly number[]>();

  has(): boolean {
    return false;
  }

  requireWeight(name: string, shape: readonly number[]): void {
    this.#shapes.set(name, shape);
  }

  readF32(name: string, shape: readonly number[]): Float32Array {
    const random = new Random([...name].reduce((sum, c) => (sum * 31 + c.charCodeAt(0)) % 9973, 7));
    const limit = shape.length === 1 ? 1 : 2 / Math.sqrt(shape.at(-1)!);
    const size = shape.reduce((a, b) => a * b, 1);
    return Float32Array.from({ length: size }, () => (random.float() * 2 - 1) * limit);
  }

  readRows(name: string, start: number, count: number): Float32Array {
    this.rowsRead.push(`${name} ${start}`);
    const shape = this.#shapes.get(name)!;
    const width = shape.at(-1)!;
    return this.readF32(name, shape).subarray(start * width, (start + count) * width);
  }
}

const GRAPH = buildGraph(parseModelConfig(CONFIG), new RandomReader(), { logits: 'last' });
/** Tokens 5 end a text within; 6 does not. */
const PROMPT = Int32Array.from({ length: 60 }, (_, i) => (i * 17 + 3) % 40);

/** The logits of each sequence after a step of all of them. */
function step(it: Interpreter, tokens: readonly number[], positions: number[]): Float32Array[] {
  const [B, T] = [positions.length, tokens.length / positions.length];
  const fed = { tokens: Int32Array.from(tokens), positions: Int32Array.from(positions) };
  const logits = f32Of(it.run(GRAPH, { B, T, S: 128 }, fed).get('logits')!);
  const V = CONFIG.vocab_size;
  return positions.map((_, b) => logits.slice(b * V, (b + 1) * V));
}

/** Logits after the prompt, fed to one sequence in pieces. */
function logitsAfter(pieces: readonly number[], prompt = PROMPT): Float32Array {
  const interpreter = new Interpreter(floatNumerics);
  let [position, logits] = [0, new Float32Array()];
  for (const T of pieces) {
    [logits] = step(interpreter, [...prompt.subarray(position, position + T)], [position]) as [
      Float32Array<ArrayBuffer>,
    ];
    position += T;
  }
  return logits;
}

test('the graph holds all rules and is the same after printing and parsing', () => {
  verify(GRAPH);
  const text = printGraph(GRAPH);
  assert.equal(printGraph(parseGraph(text)), text);
});

test('a prompt in pieces that cut blocks, n-grams and convolutions gives the same bits', () => {
  const whole = logitsAfter([60]);
  for (const pieces of [[1, 59], [2, 1, 57], [31, 29], Array<number>(60).fill(1)]) {
    assert.deepEqual(logitsAfter(pieces), whole, `${pieces}`);
  }
});

test('sequences of unequal lengths in a batch give the bits that each gives alone', () => {
  const interpreter = new Interpreter(floatNumerics);
  step(interpreter, [...PROMPT.subarray(0, 37)], [0]);
  const other = PROMPT.toReversed();
  step(interpreter, [...PROMPT.subarray(37, 39), ...other.subarray(0, 2)], [37, 0]);
  const both = step(interpreter, [...PROMPT.subarray(39, 60), ...other.subarray(2, 23)], [39, 2]);
  assert.deepEqual(both, [logitsAfter([60]), logitsAfter([23], other)]);
});

test('a snapshot brings back the last tokens and rows of convolutions', () => {
  const interpreter = new Interpreter(floatNumerics);
  step(interpreter, [...PROMPT.subarray(0, 30)], [0]);
  const snapshot = interpreter.snapshot();
  const next = [...PROMPT.subarray(30, 33)];
  const once = step(interpreter, next, [30]);
  interpreter.restore(snapshot);
  assert.deepEqual(step(interpreter, next, [30]), once);
});

test('tables too large to keep are read by row, from the piece that has it, with the same bits', () => {
  const reader = new RandomReader();
  const graph = buildGraph(parseModelConfig(CONFIG), reader, { logits: 'last' });
  const fed = { tokens: PROMPT, positions: Int32Array.of(0) };
  const run = (keptBytes: number): Float32Array =>
    f32Of(
      new Interpreter(floatNumerics, keptBytes)
        .run(graph, { B: 1, T: 60, S: 64 }, fed)
        .get('logits')!,
    );
  assert.deepEqual(run(0), run(2 ** 30));
  const pieces = new Set(reader.rowsRead.map((read) => read.replace(/ \d+$/, '')));
  for (const piece of [0, 1, 2]) {
    const name = `model.layers.1.ple.ple_embedding.ngram_embedding.shard_${piece}.weight`;
    assert.ok(pieces.has(name), name);
  }
});

test('constants of the published table: exact primes, and odd multipliers of 63 bits', () => {
  const published = {
    vocab_size: 248_320,
    ngram_size: 3,
    heads_per_ngram: 8,
    ngram_vocab_size_base: 20_000_000,
    make_ngram_vocab_size_divisible_by: 128,
    seed: 1234,
  };
  const moduli = moduliOf(published, 0);
  assert.deepEqual(moduli.slice(0, 3), [20_000_003, 20_000_023, 20_000_033]);
  assert.equal(moduli.length, 16);
  assert.ok(moduliOf(published, 1)[0]! > moduli.at(-1)!);
  const words = multipliersOf(published, 0);
  const multipliers = [0, 1, 2].map((i) => words[2 * i]! * 2 ** 32 + words[2 * i + 1]!);
  assert.deepEqual(multipliers, MULTIPLIERS);
});

/** By transformers, _build_layer_multipliers(248320, 3, 0, 1234). */
const MULTIPLIERS = [23_703_573_157_769, 20_109_073_645_365, 8_052_911_324_071];

test('what the family cannot be is refused with the field', () => {
  const refuses = (over: object, kind: typeof FormatError, message: RegExp): void =>
    assert.throws(
      () => parseModelConfig({ ...CONFIG, ...over }),
      (error) => error instanceof kind && message.test(error.message),
    );
  refuses({ indexer_kv_heads: 2 }, UnsupportedError, /indexer_kv_heads must be 1, not 2/);
  refuses({ indexer_budget: 9 }, FormatError, /indexer_budget must be a multiple of indexer_comp/);
  refuses({ ple_layer_ids: [5] }, FormatError, /ple_layer_ids must be a list of layers from 1 to/);
  refuses({ ple_embed_dim: 18 }, FormatError, /ple_embed_dim must be a multiple of \(ngram_size/);
  refuses({ eos_token_id: null }, FormatError, /eos_token_id must be a token id, because n-grams/);
  refuses({ output_gate_type: 'tanh' }, FormatError, /output_gate_type must be "sigmoid", "silu"/);
});

test('the later name of the type is the same family, and indexed attention is full attention', () => {
  const types = ['linear_attention', 'linear_attention', 'linear_attention', 'indexed_attention'];
  const later = {
    text_config: { ...CONFIG, architectures: undefined, layer_types: types },
    architectures: ['Qwen3_8FlashNextForConditionalGeneration'],
    model_type: 'qwen3_8_flash_next',
  };
  const found = parseModelConfig(later);
  assert.ok(found.family === 'qwen4_exp');
  assert.deepEqual(found.config.layer_types, [...types.slice(0, 3), 'full_attention']);
});

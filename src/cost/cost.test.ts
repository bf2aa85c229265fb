import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UnsupportedError } from '../base/index.ts';
import { loadAccelerator, loadChip } from '../chip/index.ts';
import { topologicalOrder, type Graph, type NodeOf } from '../ir/index.ts';
import {
  buildGraph,
  catalogueModelNames,
  NO_WEIGHTS,
  readCatalogueModel,
  type ModelConfig,
} from '../model/index.ts';
import { countParameters, operatorTable, stateBytes } from './inventory.ts';
import { machineOfAccelerator, machineOfChip, type Machine } from './machine.ts';
import { workOf } from './operations.ts';
import { roofline } from './roofline.ts';

function catalogueGraph(name: string): Graph {
  const { model } = readCatalogueModel(name);
  return buildGraph(model, NO_WEIGHTS, { logits: 'last', latentAttention: 'absorbed' });
}

/** One in the last digit of a published number, of which at most four count. */
function unitOf(published: number): number {
  const zeros = /0*$/.exec(String(Number(published.toPrecision(4))))![0].length;
  return 10 ** zeros;
}

test('total and active parameters agree with the digits that are published', () => {
  for (const name of catalogueModelNames()) {
    const { model, totalParameters, activeParameters } = readCatalogueModel(name);
    const { active, embeddings, ngrams, ...count } = countParameters(catalogueGraph(name));
    // The makers of DeepSeek-V4.1 publish what it has beside its tables by n-gram.
    const total = model.family === 'deepseek_v41' ? count.total - ngrams : count.total;
    // The makers of Qwen count the table of embeddings as active, those of DeepSeek do not; with a
    // table of n-grams no table is.
    const counted = model.family.startsWith('qwen') && ngrams === 0 ? active + embeddings : active;
    assert.ok(Math.abs(total - totalParameters!) < unitOf(totalParameters!), `${name}: ${total}`);
    const difference = Math.abs(counted - activeParameters!);
    assert.ok(difference < unitOf(activeParameters!), `${name}: ${counted} active`);
  }
});

test('the state of every model is the one that the catalogue computes from the shapes', () => {
  for (const name of catalogueModelNames()) {
    const { raw, model } = readCatalogueModel(name);
    const computed = raw['_computed'] as Record<string, number>;
    const { perToken, perSequence } = stateBytes(catalogueGraph(name));
    const indexKeys = (computed['indexer_key_bytes_per_token_fp8'] ?? 0) * INDEX_KEY_BF16;
    const kept = computed['kv_cache_bytes_per_token_bf16']! + indexKeys;
    assert.equal(perToken, kept, name);
    const recurrent = computed['recurrent_state_bytes_per_sequence_fp32_state_bf16_conv'] ?? 0;
    const windowsFp8 = computed['sliding_window_bytes_per_sequence_fp8'] ?? 0;
    const windows = computed['sliding_window_bytes_per_sequence_bf16'] ?? windowsFp8 * WINDOW_BF16;
    const rest = compressorBytes(computed) + sharedBytes(model);
    assert.equal(perSequence, recurrent + windows + rest, name);
  }
});

/** An index key of 128 channels in bf16, where the catalogue has it in fp8 with an f32 scale. */
const INDEX_KEY_BF16 = (2 * 128) / (128 + 4);

/** A row of a window in bf16, where the catalogue has it in fp8 with a scale of one byte for 32 channels. */
const WINDOW_BF16 = (2 * 32) / (32 + 1);

/** What the compressors of DeepSeek-V4 have yet to pool: values and gates of tokens, in f32. */
function compressorBytes({
  layers_ratio4_csa: sparse = 0,
  layers_ratio128_hca: heavy = 0,
}: Record<string, number>): number {
  const ofSparse = 7 * 2 * 2 * (512 + 128); // of 7 tokens, for two entries each, and for the index too
  return 4 * (sparse * ofSparse + heavy * 127 * 2 * 512);
}

/** The same of DeepSeek-V4.1, in which few layers pool, and the tokens behind which n-grams end, in f32. */
function sharedBytes({ family, config }: ModelConfig): number {
  if (family !== 'deepseek_v41') return 0;
  const pooled = config.kv_source_layer_ids.map((layer) => config.compress_ratios[layer]! - 1);
  const tokens = config.engram_layer_ids.length * (config.engram_max_ngram_size - 1);
  return 4 * (pooled.reduce((sum, kept) => sum + kept * 2 * config.head_dim, 0) + tokens);
}

test('tied weights count once, and of experts only the chosen and of the table a row are active', () => {
  const qwen = countParameters(catalogueGraph('qwen3-0.6b'));
  assert.deepEqual(qwen, { total: 596_049_920, active: 596_049_920, embeddings: 0, ngrams: 0 });
  const deepseek = countParameters(catalogueGraph('deepseek-v3'));
  const experts = 58 * 3 * 7168 * 2048; // of one expert in each of the 58 routed layers
  const table = (129_280 - 1) * 7168;
  assert.equal(deepseek.embeddings, table);
  assert.equal(deepseek.total - deepseek.active, experts * (256 - 8) + table);
});

test('of a table of n-grams the rows of one token are active, and it is counted apart', () => {
  const { total, active, embeddings, ngrams } = countParameters(
    catalogueGraph('qwen3.8-flash-next'),
  );
  const { raw } = readCatalogueModel('qwen3.8-flash-next');
  const computed = raw['_computed'] as Record<string, number>;
  assert.equal(embeddings, (248_320 - 1) * 2560);
  assert.ok(Math.abs(ngrams / computed['ngram_embedding_params']! - 1) < 1e-5, `${ngrams}`);
  assert.ok(Math.abs((total - ngrams) / computed['main_params_from_shapes']! - 1) < 1e-4);
  const required = computed['active_params_from_shapes_excluding_input_embedding']!;
  assert.ok(Math.abs(active / required - 1) < 1e-3, `${active}`);
});

test('tables by n-gram count apart, and of them only the rows of a token are active', () => {
  const { total, active, ngrams } = countParameters(catalogueGraph('deepseek-v4.1-flash'));
  assert.equal(ngrams, (384_006_168 + 384_016_682) * 256);
  assert.equal(total - ngrams, 551_880_819_824);
  const experts = 40 * 3 * 5120 * 2304; // of one expert in each layer
  const rows = ngrams - 2 * 24 * 256 + (129_280 - 1) * 5120;
  assert.equal(total - active, experts * (384 - 6) + rows);
});

test('state per token is that of bf16 keys and values, or of the latent', () => {
  const perToken = (name: string) => stateBytes(catalogueGraph(name)).perToken;
  assert.equal(perToken('qwen3-0.6b'), 28 * 2 * 8 * 128 * 2);
  assert.equal(perToken('deepseek-v3'), 61 * (512 + 64) * 2);
  assert.equal(perToken('deepseek-v2-lite'), 31_104);
  assert.equal(perToken('deepseek-v3.2'), 70_272 + 61 * 128 * 2); // and index keys
  const [flash, pro] = ['deepseek-v4-flash', 'deepseek-v4-pro'].map((name) =>
    stateBytes(catalogueGraph(name)),
  );
  assert.deepEqual([flash!.perToken, pro!.perToken], [6_880, 9_848]);
  // Windows in bf16, and in f32 what the compressors of sparse and heavy layers have yet to pool.
  const sparse = 7 * 4 * (512 + 128) * 4;
  const heavy = 127 * 2 * 512 * 4;
  assert.equal(flash!.perSequence, 43 * 128 * 512 * 2 + 21 * sparse + 20 * heavy);
  const compressors = 3 * 2 * 512 * 4; // one token each
  const nGrams = 2 * 3 * 4; // three tokens each
  assert.deepEqual(stateBytes(catalogueGraph('deepseek-v4.1-flash')), {
    perToken: 3_200,
    perSequence: 40 * 128 * 512 * 2 + compressors + nGrams,
  });
  assert.deepEqual(stateBytes(catalogueGraph('qwen3-8b'), 1), { perToken: 73_728, perSequence: 0 });
});

test('a window and chosen rows cost the same at every long context, and what chooses them grows', () => {
  const rows = (name: string) =>
    new Map(operatorTable(catalogueGraph(name)).map((row) => [row.op, row]));
  const v32 = rows('deepseek-v3.2');
  const attention = v32.get('attention')!;
  assert.equal(attention.macsPerToken, 61 * 2048 * 128 * (576 + 512));
  assert.equal(attention.macsPerTokenOfContext, 0);
  assert.equal(v32.get('topRows')!.macsPerTokenOfContext, 61 * 64 * 129);
  const v4 = rows('deepseek-v4-flash').get('windowAttention')!;
  const row = 2 * 64 * 512; // the product with a key and with a value, in all heads
  assert.equal(v4.macsPerToken, row * (43 * 128 + 21 * 512));
  assert.equal(v4.macsPerTokenOfContext, (row * 20) / 128);
});

test('multiply-accumulates of a token are one for each parameter of a contraction', () => {
  const rows = new Map(operatorTable(catalogueGraph('qwen3-32b')).map((row) => [row.op, row]));
  const linear = rows.get('linear')!;
  assert.equal(linear.macsPerToken, linear.parameters);
  assert.equal(linear.nodes, 64 * 7 + 1);
  assert.equal(linear.macsPerTokenOfContext, 0);
  const attention = rows.get('attention')!;
  assert.equal(attention.macsPerToken, 0);
  assert.equal(attention.macsPerTokenOfContext, 64 * 64 * 2 * 128);
});

function firstNode<O extends 'attention' | 'experts'>(graph: Graph, op: O): NodeOf<O> {
  return topologicalOrder(graph).find((node) => node.op === op) as NodeOf<O>;
}

test('a prompt sees a triangle, and latent attention reads its one state once', () => {
  const qwen = firstNode(catalogueGraph('qwen3-0.6b'), 'attention');
  assert.equal(workOf(qwen, { B: 1, T: 4, S: 4 }).macs, (1 + 2 + 3 + 4) * 16 * 256);
  assert.equal(workOf(qwen, { B: 2, T: 1, S: 10 }).stateElements, 2 * 10 * 8 * 128 * 2);
  const latent = firstNode(catalogueGraph('deepseek-v3'), 'attention');
  assert.equal(workOf(latent, { B: 1, T: 1, S: 10 }).stateElements, 10 * 576);
});

test('one token reads the weights of its experts, many tokens those of nearly all', () => {
  const node = firstNode(catalogueGraph('deepseek-v3'), 'experts');
  const expert = 3 * 7168 * 2048;
  const one = workOf(node, { B: 1, T: 1, S: 1 });
  assert.ok(Math.abs(one.weightElements - 8 * expert) < 1);
  assert.equal(one.macs, 8 * expert);
  const many = workOf(node, { B: 1024, T: 1, S: 1 });
  assert.ok(many.weightElements > 255.9 * expert && many.weightElements <= 256 * expert);
});

/** A machine whose rates make the arithmetic easy to follow. */
const machine = (macsPerSecond: number, bandwidthBytesPerSecond: number): Machine => ({
  name: 'm',
  macsPerSecond,
  bandwidthBytesPerSecond,
  format: 'int8',
  bytesPerWeight: 1,
  bytesPerStateElement: 2,
  provenance: { text: 'test', urls: [] },
});

test('with slow memory the time is bytes over bandwidth, with slow arithmetic MACs over peak', () => {
  const graph = catalogueGraph('qwen3-0.6b');
  const dims = { B: 1, T: 1, S: 100 };
  const memory = roofline(graph, dims, machine(1e30, 1e9));
  assert.equal(memory.limitedBy, 'memory');
  const bytes = memory.weightBytes + memory.stateBytes;
  assert.ok(Math.abs(memory.seconds / (bytes / 1e9) - 1) < 1e-9);
  assert.equal(memory.stateBytes, 28 * 2 * 8 * 128 * 2 * (100 + 1));
  const compute = roofline(graph, dims, machine(1e9, 1e30));
  assert.equal(compute.limitedBy, 'compute');
  assert.ok(Math.abs(compute.seconds / (compute.macs / 1e9) - 1) < 1e-9);
  assert.ok(Math.abs(compute.tokensPerSecond * compute.seconds - 1) < 1e-9);
});

test('a chip and a published accelerator become machines with their provenance', () => {
  const edge = machineOfChip(loadChip('jade-edge'));
  assert.equal(edge.bytesPerWeight, 33 / 32);
  assert.ok(edge.macsPerSecond > 0 && edge.bandwidthBytesPerSecond > 0);
  const [h20, ascend] = ['nvidia-h20', 'huawei-ascend-910c'].map(loadAccelerator);
  assert.equal(machineOfAccelerator(h20!, 'int8').macsPerSecond, 148e12);
  assert.equal(
    machineOfAccelerator(h20!, 'int8').provenance.text,
    'peak official, memory official',
  );
  assert.throws(() => machineOfAccelerator(ascend!, 'fp8'), UnsupportedError);
});

/**
 * Attention of DeepSeek-V4 [1, section 2.3]: one key head that is also the value, a window of the last
 * tokens, and where a layer compresses its context, entries that stand for several tokens each.
 *
 *   sparse (4 tokens)    an entry mixes its window with the one before; an indexer chooses the entries
 *   heavy (128 tokens)   an entry is its window; every complete entry is seen
 *
 * The LAST qk_rope_head_dim channels are rotated, neighbours together; because keys are values too, the
 * result is rotated back by the position of the query. An entry stands at the first token of its
 * window. Layers that compress have a rotary base of their own, stretched by YaRN without any
 * magnitude; those that do not have the plain one. Left out, as in deepseekV32.ts: the Hadamard
 * rotation of index queries and keys, and positive constants of their scores.
 *
 * [1] DeepSeek-V4, https://arxiv.org/abs/2606.19348
 */
import { lastDim, type Node } from '../../ir/index.ts';
import type { CompressRatio, DeepseekV4Config } from '../checkpoint/deepseekV4Config.ts';
import type { GraphBuilder } from './builder.ts';
import { rotaryConstants } from './rotary.ts';

/** The attention of layer `layer` on x (B,T,D) → (B,T,D). */
export function compressedAttention(
  b: GraphBuilder,
  x: Node,
  layer: number,
  config: DeepseekV4Config,
): Node {
  const { num_attention_heads: H, head_dim: K, rms_norm_eps: epsilon } = config;
  const ratio = config.compress_ratios[layer]!;
  const frequencies = frequenciesOf(ratio > 0, config);
  const rotated = (rows: Node): Node => rotateLast(b, rows, frequencies);
  const source = b.rmsNormalization(b.linear(x, 'wq_a', config.q_lora_rank), 'q_norm', epsilon);
  const heads = split(b, b.linear(source, 'wq_b', H * K), H);
  const query = rotated(b.node('rmsNormalization', [heads], { epsilon }));
  const rows = rotated(split(b, b.rmsNormalization(b.linear(x, 'wkv', K), 'kv_norm', epsilon), 1));
  const entries = ratio === 0 ? [] : entriesOf(b, x, source, layer, ratio, config);
  const o = b.stateful(
    'windowAttention',
    `layers.${layer}.window`,
    [config.sliding_window, 1, K],
    [query, rows, b.weight('attn_sink', [H]), b.position, ...entries],
    { scale: K ** -0.5, ...(ratio > 0 && { tokensPerRow: ratio }) },
  );
  return groupedOutput(b, o, frequencies, config);
}

/** The fields of a configuration that the parts of V4.1 too read. */
export type SharedKeyConfig = Pick<
  DeepseekV4Config,
  | 'qk_rope_head_dim'
  | 'rope_theta'
  | 'compress_rope_theta'
  | 'rope_scaling'
  | 'o_groups'
  | 'o_lora_rank'
  | 'num_attention_heads'
  | 'head_dim'
  | 'hidden_size'
>;

/** Radians per position of each pair; V4 leaves out the magnitude of YaRN. */
export function frequenciesOf(compresses: boolean, config: SharedKeyConfig): readonly number[] {
  const { qk_rope_head_dim: dims, rope_theta, compress_rope_theta, rope_scaling } = config;
  return compresses
    ? rotaryConstants(dims, compress_rope_theta, rope_scaling).frequencies
    : rotaryConstants(dims, rope_theta, null).frequencies;
}

export function split(b: GraphBuilder, x: Node, heads: number): Node {
  return b.node('splitHeads', [x], { heads });
}

/** Rotates the last channels of each head of x (B,T,H,K), from `offset` tokens before or after each. */
export function rotateLast(
  b: GraphBuilder,
  x: Node,
  frequencies: readonly number[],
  offset?: number,
): Node {
  const rotated = 2 * frequencies.length;
  const start = lastDim(x.type) - rotated;
  const first = b.node('slice', [x], { start: 0, size: start });
  const last = b.node('slice', [x], { start, size: rotated });
  const attrs = { layout: 'interleaved', frequencies, magnitude: 1 } as const;
  const turned = b.node('rotaryEmbedding', [last, b.position], {
    ...attrs,
    ...(offset !== undefined && { offset }),
  });
  return b.node('concat', [first, turned], {});
}

/** Compressed entries, and where they are sparse those chosen for each token. */
function entriesOf(
  b: GraphBuilder,
  x: Node,
  source: Node,
  layer: number,
  ratio: CompressRatio,
  config: DeepseekV4Config,
): Node[] {
  const { head_dim: K, index_n_heads: H, index_head_dim: I, index_topk: topK } = config;
  const name = `layers.${layer}`;
  const entries = b.within('compressor', () =>
    compressed(b, x, `${name}.entries`, K, ratio, config),
  );
  if (ratio !== 4) return [entries];
  const chosen = b.within('indexer', () => {
    const query = split(b, b.linear(source, 'wq_b', H * I), H);
    const keys = b.within('compressor', () => compressed(b, x, `${name}.index`, I, ratio, config));
    const inputs = [
      rotateLast(b, query, frequenciesOf(ratio > 0, config)),
      b.linear(x, 'weights_proj', H),
      keys,
      b.position,
    ];
    return b.node('topRows', inputs, { topK, tokensPerRow: ratio });
  });
  return [entries, chosen];
}

/** The entries (B,S,1,K) that a compressor has made of the tokens so far, one for `ratio` of them. */
function compressed(
  b: GraphBuilder,
  x: Node,
  name: string,
  K: number,
  ratio: CompressRatio,
  config: DeepseekV4Config,
): Node {
  const overlap = ratio === 4;
  const width = overlap ? 2 * K : K;
  const rows = b.node('concat', [b.linear(x, 'wkv', width), b.linear(x, 'wgate', width)], {});
  const kept = ratio * (overlap ? 2 : 1) - 1;
  const inputs = [rows, b.position, b.weight('ape', [ratio, width])];
  const attrs = { tokensPerRow: ratio, overlap };
  const pooled = b.stateful('compress', `${name}.recent`, [kept, 2 * width], inputs, attrs);
  const normal = split(b, b.rmsNormalization(pooled, 'norm', config.rms_norm_eps), 1);
  const turned = rotateLast(b, normal, frequenciesOf(ratio > 0, config), 1 - ratio);
  return b.append(name, turned, ratio);
}

/** Heads (B,T,H,K) turned back by their position; groups of them to o_lora_rank each, then all to (B,T,D). */
export function groupedOutput(
  b: GraphBuilder,
  o: Node,
  frequencies: readonly number[],
  config: SharedKeyConfig,
): Node {
  const back = frequencies.map((f) => -f);
  const { o_groups: G, o_lora_rank: rank, num_attention_heads: H, head_dim: K } = config;
  const groups = split(b, b.node('mergeHeads', [rotateLast(b, o, back)], {}), G);
  const range = { parts: 1, partRows: G * rank, start: 0, count: G * rank };
  const weight = b.weightRows('wo_a.weight', 'groups', range, [G, rank, (H * K) / G]);
  const low = b.node('mergeHeads', [b.node('headLinear', [groups, weight], {})], {});
  return b.linear(low, 'wo_b', config.hidden_size);
}

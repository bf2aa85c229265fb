/**
 * Multi-head latent attention of DeepSeek-V2, V3 and V3.2 [1, section 2.1].
 *
 * A token's keys and values of all heads come from one latent c (rank channels); position lives in
 * separate rotated channels, shared by the heads of the key. With k_h = [W_UK,h c ; k_rope] and
 * v_h = W_UV,h c there are two ways to the same numbers:
 *
 *   naive      state of k_h and v_h for every head
 *   absorbed   q·(W_UK c) = (W_UKᵀ q)·c and Σ p (W_UV c) = W_UV (Σ p c): the state is [c ; k_rope]
 *
 * Stored matrices that hold two things are read as two weights.
 *
 * [1] DeepSeek-V2, https://arxiv.org/abs/2405.04434
 */
import { lastDim, type Node } from '../../ir/index.ts';
import type { YarnScaling } from '../checkpoint/rope.ts';
import type { GraphBuilder } from './builder.ts';
import type { GraphOptions } from './decoder.ts';
import { rotaryConstants } from './rotary.ts';

/** The fields of a configuration that latent attention reads. */
export interface LatentConfig {
  readonly hidden_size: number;
  readonly num_attention_heads: number;
  /** null: queries without compression. */
  readonly q_lora_rank: number | null;
  readonly kv_lora_rank: number;
  readonly qk_nope_head_dim: number;
  readonly qk_rope_head_dim: number;
  readonly v_head_dim: number;
  readonly rms_norm_eps: number;
  readonly rope_theta: number;
  readonly rope_scaling: YarnScaling | null;
}

/** What queries are projected from: x (B,T,D), compressed to (B,T,q_lora_rank) where there is one. */
export function querySource(b: GraphBuilder, x: Node, config: LatentConfig): Node {
  if (config.q_lora_rank === null) return x;
  const compressed = b.linear(x, 'q_a_proj', config.q_lora_rank);
  return b.rmsNormalization(compressed, 'q_a_layernorm', config.rms_norm_eps);
}

/**
 * Attention of the heads of x (B,T,D), whose queries come from `source` → (B,T,H·v). With `chosen`
 * (B,T,k) a token attends to those rows of its sequence only.
 */
export function latentAttention(
  b: GraphBuilder,
  x: Node,
  source: Node,
  layer: number,
  config: LatentConfig,
  { latentAttention: form }: GraphOptions,
  chosen?: Node,
): Node {
  const parts = latentParts(b, x, source, config);
  const attend = form === 'absorbed' ? absorbedAttention : naiveAttention;
  return b.node('mergeHeads', [attend(b, parts, layer, config, chosen)], {});
}

/** What both forms of attention start from. */
interface LatentParts {
  readonly queryNope: Node; // (B,T,H,nope)
  readonly queryRope: Node; // (B,T,H,rope)
  readonly latent: Node; // (B,T,1,rank)
  readonly keyRope: Node; // (B,T,1,rope)
  readonly keyWeight: Node; // W_UK (H,nope,rank)
  readonly valueWeight: Node; // W_UV (H,v,rank)
  readonly scale: number;
}

function latentParts(b: GraphBuilder, x: Node, source: Node, config: LatentConfig): LatentParts {
  const { num_attention_heads: H, hidden_size: D, kv_lora_rank: rank, rms_norm_eps } = config;
  const { qk_nope_head_dim: nope, qk_rope_head_dim: rope, v_head_dim: v } = config;
  const constants = rotaryConstants(rope, config.rope_theta, config.rope_scaling);
  const { frequencies, magnitude } = constants;
  const rotation = { layout: 'interleaved', frequencies, magnitude } as const;
  const rotate = (rows: Node): Node => b.node('rotaryEmbedding', [rows, b.position], rotation);
  const heads = (from: Node, weight: Node, count: number): Node =>
    b.node('splitHeads', [b.project(from, weight)], { heads: count });
  const split = (name: string, part: string, parts: number, range: Range, shape: number[]): Node =>
    b.weightRows(`${name}.weight`, part, { parts, ...range }, shape);

  const queries = config.q_lora_rank === null ? 'q_proj' : 'q_b_proj';
  const r = lastDim(source.type);
  const qNope = split(queries, 'nope', H, first(nope, rope), [H * nope, r]);
  const qRope = split(queries, 'rope', H, second(nope, rope), [H * rope, r]);
  const kLatent = split('kv_a_proj_with_mqa', 'latent', 1, first(rank, rope), [rank, D]);
  const kRope = split('kv_a_proj_with_mqa', 'rope', 1, second(rank, rope), [rope, D]);
  const c = b.rmsNormalization(b.project(x, kLatent), 'kv_a_layernorm', rms_norm_eps);
  return {
    queryNope: heads(source, qNope, H),
    queryRope: rotate(heads(source, qRope, H)),
    latent: b.node('splitHeads', [c], { heads: 1 }),
    keyRope: rotate(heads(x, kRope, 1)),
    keyWeight: split('kv_b_proj', 'key', H, first(nope, v), [H, nope, rank]),
    valueWeight: split('kv_b_proj', 'value', H, second(nope, v), [H, v, rank]),
    scale: (nope + rope) ** -0.5 * constants.softmaxFactor,
  };
}

interface Range {
  readonly partRows: number;
  readonly start: number;
  readonly count: number;
}

/** The first `a` of `a + b` rows, and the others. */
function first(a: number, b: number): Range {
  return { partRows: a + b, start: 0, count: a };
}

function second(a: number, b: number): Range {
  return { partRows: a + b, start: a, count: b };
}

function naiveAttention(
  b: GraphBuilder,
  parts: LatentParts,
  layer: number,
  { num_attention_heads: heads, v_head_dim }: LatentConfig,
  chosen: Node | undefined,
): Node {
  const { latent, keyWeight, valueWeight, scale } = parts;
  const query = b.node('concat', [parts.queryNope, parts.queryRope], {});
  const shared = b.node('repeatHeads', [parts.keyRope], { heads });
  const key = b.node('concat', [b.node('headLinear', [latent, keyWeight], {}), shared], {});
  const keys = b.append(`layers.${layer}.k`, key);
  const values = b.append(`layers.${layer}.v`, b.node('headLinear', [latent, valueWeight], {}));
  const attrs = { scale, valueWidth: v_head_dim };
  return b.node('attention', [query, keys, values, b.position, ...optional(chosen)], attrs);
}

function absorbedAttention(
  b: GraphBuilder,
  parts: LatentParts,
  layer: number,
  { kv_lora_rank }: LatentConfig,
  chosen: Node | undefined,
): Node {
  const transposed = b.node('transpose', [parts.keyWeight], {}); // (H,rank,nope)
  const queryLatent = b.node('headLinear', [parts.queryNope, transposed], {}); // (B,T,H,rank)
  const query = b.node('concat', [queryLatent, parts.queryRope], {});
  const row = b.node('concat', [parts.latent, parts.keyRope], {});
  const keys = b.append(`layers.${layer}.latent`, row);
  const attrs = { scale: parts.scale, valueWidth: kv_lora_rank };
  const o = b.node('attention', [query, keys, keys, b.position, ...optional(chosen)], attrs); // (B,T,H,rank)
  return b.node('headLinear', [o, parts.valueWeight], {});
}

function optional(node: Node | undefined): Node[] {
  return node === undefined ? [] : [node];
}

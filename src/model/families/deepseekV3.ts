/**
 * DeepSeek-V3, R1 and V3.1: latent attention, and routed experts beside a shared one.
 *
 * A token's keys and values of all heads come from one latent c (rank channels); position lives in
 * separate rotated channels, shared by the heads of the key. With k_h = [W_UK,h c ; k_rope] and
 * v_h = W_UV,h c there are two ways to the same numbers:
 *
 *   naive      state of k_h and v_h for every head
 *   absorbed   q·(W_UK c) = (W_UKᵀ q)·c and Σ p (W_UV c) = W_UV (Σ p c): the state is [c ; k_rope]
 *
 * Stored matrices that hold two things are read as two weights. The layers for multi-token prediction
 * at the end of a checkpoint (num_nextn_predict_layers) are left out: they do not change the tokens.
 *
 * [1] DeepSeek-V3 Technical Report, section 2.1, https://arxiv.org/abs/2412.19437
 */
import { type Graph, type Node } from '../../ir/index.ts';
import { type DeepseekV3Config } from '../checkpoint/deepseekV3Config.ts';
import { GraphBuilder, type WeightReader } from './builder.ts';
import { buildDecoder, gatedMlp, type GraphOptions } from './decoder.ts';
import { rotaryConstants } from './rotary.ts';

export function buildDeepseekV3(
  config: DeepseekV3Config,
  weights: WeightReader,
  options: GraphOptions,
): Graph {
  const b = new GraphBuilder(weights);
  const { hidden_size: D, rms_norm_eps: epsilon } = config;
  const attention = options.latentAttention === 'absorbed' ? absorbedAttention : naiveAttention;
  return buildDecoder(b, 'deepseek_v3', config, options, (x, i) => {
    const normal = b.rmsNormalization(x, 'input_layernorm', epsilon);
    const heads = b.within('self_attn', () =>
      attention(b, latentParts(b, normal, config), i, config),
    );
    x = b.node('add', [x, outputProjection(b, heads, D)], {});
    const second = b.rmsNormalization(x, 'post_attention_layernorm', epsilon);
    const dense = i < config.first_k_dense_replace;
    const y = dense
      ? gatedMlp(b, second, 'mlp', config.intermediate_size, D)
      : mixtureOfExperts(b, second, config);
    return b.node('add', [x, y], {});
  });
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

function latentParts(b: GraphBuilder, x: Node, config: DeepseekV3Config): LatentParts {
  const { num_attention_heads: H, hidden_size: D, kv_lora_rank: rank, rms_norm_eps } = config;
  const { qk_nope_head_dim: nope, qk_rope_head_dim: rope, v_head_dim: v } = config;
  const constants = rotaryConstants(rope, config.rope_theta, config.rope_scaling);
  const { frequencies, magnitude } = constants;
  const rotate = (rows: Node): Node =>
    b.node('rotaryEmbedding', [rows, b.position], {
      layout: 'interleaved',
      frequencies,
      magnitude,
    });
  const heads = (from: Node, weight: Node, count: number): Node =>
    b.node('splitHeads', [b.project(from, weight)], { heads: count });
  const split = (name: string, part: string, parts: number, range: Range, shape: number[]): Node =>
    b.weightRows(`${name}.weight`, part, { parts, ...range }, shape);

  const r = config.q_lora_rank;
  const cq = b.rmsNormalization(b.linear(x, 'q_a_proj', r), 'q_a_layernorm', rms_norm_eps);
  const qNope = split('q_b_proj', 'nope', H, first(nope, rope), [H * nope, r]);
  const qRope = split('q_b_proj', 'rope', H, second(nope, rope), [H * rope, r]);
  const kLatent = split('kv_a_proj_with_mqa', 'latent', 1, first(rank, rope), [rank, D]);
  const kRope = split('kv_a_proj_with_mqa', 'rope', 1, second(rank, rope), [rope, D]);
  const c = b.rmsNormalization(b.project(x, kLatent), 'kv_a_layernorm', rms_norm_eps);
  return {
    queryNope: heads(cq, qNope, H),
    queryRope: rotate(heads(cq, qRope, H)),
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
  { num_attention_heads: heads, v_head_dim }: DeepseekV3Config,
): Node {
  const { latent, keyWeight, valueWeight, scale } = parts;
  const query = b.node('concat', [parts.queryNope, parts.queryRope], {});
  const shared = b.node('repeatHeads', [parts.keyRope], { heads });
  const key = b.node('concat', [b.node('headLinear', [latent, keyWeight], {}), shared], {});
  const keys = b.append(`layers.${layer}.k`, key);
  const values = b.append(`layers.${layer}.v`, b.node('headLinear', [latent, valueWeight], {}));
  const attrs = { scale, valueWidth: v_head_dim };
  return b.node('attention', [query, keys, values, b.position], attrs);
}

function absorbedAttention(
  b: GraphBuilder,
  parts: LatentParts,
  layer: number,
  { kv_lora_rank }: DeepseekV3Config,
): Node {
  const transposed = b.node('transpose', [parts.keyWeight], {}); // (H,rank,nope)
  const queryLatent = b.node('headLinear', [parts.queryNope, transposed], {}); // (B,T,H,rank)
  const query = b.node('concat', [queryLatent, parts.queryRope], {});
  const row = b.node('concat', [parts.latent, parts.keyRope], {});
  const keys = b.append(`layers.${layer}.latent`, row);
  const attrs = { scale: parts.scale, valueWidth: kv_lora_rank };
  const o = b.node('attention', [query, keys, keys, b.position], attrs); // (B,T,H,rank)
  return b.node('headLinear', [o, parts.valueWeight], {});
}

function outputProjection(b: GraphBuilder, heads: Node, D: number): Node {
  return b.within('self_attn', () => b.linear(b.node('mergeHeads', [heads], {}), 'o_proj', D));
}

function mixtureOfExperts(b: GraphBuilder, x: Node, config: DeepseekV3Config): Node {
  const { n_routed_experts: E, moe_intermediate_size: F, hidden_size: D } = config;
  return b.within('mlp', () => {
    const logits = b.linear(x, 'gate', E);
    const bias = b.weight('gate.e_score_correction_bias', [E]);
    const gates = b.node('route', [logits, bias], {
      scoring: 'sigmoid',
      topK: config.num_experts_per_tok,
      groups: config.n_group,
      topGroups: config.topk_group,
      normalize: config.norm_topk_prob,
      scale: config.routed_scaling_factor,
    });
    const stacked = (name: string, shape: number[]): Node =>
      b.stackedWeight('experts', `${name}.weight`, E, shape);
    const weights = [stacked('gate_proj', [F, D]), stacked('up_proj', [F, D])];
    const y = b.node('experts', [x, gates, ...weights, stacked('down_proj', [D, F])], {});
    const shared = gatedMlp(b, x, 'shared_experts', F * config.n_shared_experts, D);
    return b.node('add', [shared, y], {});
  });
}

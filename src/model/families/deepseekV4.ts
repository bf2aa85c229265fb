/**
 * DeepSeek-V4 Flash and Pro: attention to a window and compressed entries, experts in every layer,
 * residual streams with hyper-connections.
 *
 * Experts are scored by √softplus; the first num_hash_layers layers take those of a table by token, the
 * others the best by score and bias. Gates are the scores, normalised and scaled. The gate and the
 * up-projection of every expert, the shared ones too, are kept within swiglu_limit: the makers' engines
 * and the metadata of GGUF files (swiglu_clamp_shexp) say so, as transformers does since 5.23.
 *
 * [1] DeepSeek-V4, https://arxiv.org/abs/2606.19348
 */
import { type Graph, type Node } from '../../ir/index.ts';
import { type DeepseekV4Config } from '../checkpoint/deepseekV4Config.ts';
import { GraphBuilder, type WeightReader } from './builder.ts';
import { compressedAttention } from './compressedAttention.ts';
import { type GraphOptions } from './decoder.ts';
import { collapseStreams, embeddedStreams, hyperConnected } from './hyperConnections.ts';

/** Weights of the published checkpoints have no prefix. */
const ROOT = '';

export function buildDeepseekV4(
  config: DeepseekV4Config,
  weights: WeightReader,
  { logits: rows }: GraphOptions,
): Graph {
  const b = new GraphBuilder(weights, { root: ROOT });
  const { vocab_size: V, rms_norm_eps: epsilon } = config;
  let X = embeddedStreams(b, config);
  for (let i = 0; i < config.num_hidden_layers; i++) X = layer(b, X, i, config);
  if (rows === 'last') X = b.node('lastToken', [X], {});
  const x = b.rmsNormalization(collapseStreams(b, X, config), 'norm', epsilon);
  const logits = b.linear(x, 'head', V);
  return b.finish('deepseek_v4', { logits, next: b.node('argMax', [logits], {}) });
}

function layer(b: GraphBuilder, X: Node, i: number, config: DeepseekV4Config): Node {
  const normal = (u: Node, name: string): Node => b.rmsNormalization(u, name, config.rms_norm_eps);
  return b.within(`layers.${i}`, () => {
    const attended = hyperConnected(b, X, 'hc_attn', config, (u) => {
      const x = normal(u, 'attn_norm');
      return b.within('attn', () => compressedAttention(b, x, i, config));
    });
    return hyperConnected(b, attended, 'hc_ffn', config, (u) => {
      const x = normal(u, 'ffn_norm');
      return b.within('ffn', () => mixtureOfExperts(b, x, i < config.num_hash_layers, config));
    });
  });
}

/** The fields of a configuration that experts read. */
export type ClampedExpertsConfig = Pick<
  DeepseekV4Config,
  | 'n_routed_experts'
  | 'n_shared_experts'
  | 'num_experts_per_tok'
  | 'moe_intermediate_size'
  | 'hidden_size'
  | 'vocab_size'
  | 'swiglu_limit'
  | 'norm_topk_prob'
  | 'routed_scaling_factor'
>;

/** The experts of the module, for x (B,T,D); chosen by token, or by score and bias. */
export function mixtureOfExperts(
  b: GraphBuilder,
  x: Node,
  byToken: boolean,
  config: ClampedExpertsConfig,
): Node {
  const { n_routed_experts: E, moe_intermediate_size: F, hidden_size: D } = config;
  const limit = config.swiglu_limit;
  const gates = b.within('gate', () => gatesOf(b, x, byToken, config));
  const stacked = (name: string, shape: number[]): Node =>
    b.stackedWeight('experts', `${name}.weight`, E, shape);
  const weights = [stacked('w1', [F, D]), stacked('w3', [F, D]), stacked('w2', [D, F])];
  const y = b.node('experts', [x, gates, ...weights], { limit });
  const shared = b.within('shared_experts', () => {
    const width = F * config.n_shared_experts;
    const inner = b.node('swiglu', [b.linear(x, 'w1', width), b.linear(x, 'w3', width)], { limit });
    return b.linear(inner, 'w2', D);
  });
  return b.node('add', [shared, y], {});
}

/** Gates (B,T,E) of the experts of a layer. */
function gatesOf(b: GraphBuilder, x: Node, byToken: boolean, config: ClampedExpertsConfig): Node {
  const { n_routed_experts: E, num_experts_per_tok: topK, vocab_size: V } = config;
  const logits = b.project(x, b.weight('weight', [E, config.hidden_size]));
  const attrs = {
    scoring: 'sqrtSoftplus',
    normalize: config.norm_topk_prob,
    scale: config.routed_scaling_factor,
  } as const;
  if (byToken) {
    return b.node('routeByToken', [logits, b.tokens, b.integers('tid2eid', [V, topK])], attrs);
  }
  const ungrouped = { groups: 1, topGroups: 1 };
  return b.node('route', [logits, b.weight('bias', [E])], { ...attrs, ...ungrouped, topK });
}

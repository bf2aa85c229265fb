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
import { UnsupportedError } from '../../base/index.ts';
import type { Graph, Node } from '../../ir/index.ts';
import type { DeepseekV4Config } from '../checkpoint/deepseekV4Config.ts';
import { GraphBuilder, type WeightReader } from './builder.ts';
import { compressedAttention } from './compressedAttention.ts';
import { rowsOf, type GraphOptions } from './decoder.ts';
import {
  collapseStreams,
  embeddedStreams,
  embedTokens,
  hyperConnected,
  repeated,
} from './hyperConnections.ts';

/** Weights of the published checkpoints have no prefix. */
const ROOT = '';

export function buildDeepseekV4(
  config: DeepseekV4Config,
  weights: WeightReader,
  { logits: rows, hidden }: GraphOptions,
): Graph {
  const b = new GraphBuilder(weights, { root: ROOT });
  let X = embeddedStreams(b, config);
  for (let i = 0; i < config.num_hidden_layers; i++) {
    const input = X;
    X = b.within(`layers.${i}`, () => layer(b, input, i, config));
  }
  const outputs = tokenHead(b, readStreams(b, rowsOf(b, X, rows), config), config);
  const streams = hidden ? { hidden: b.node('mergeHeads', [X], {}) } : {};
  return b.finish('deepseek_v4', { ...outputs, ...streams });
}

/**
 * The head of multi-token prediction, `mtp.0`: as in multiToken.ts, with all streams of a token as its
 * hidden row (B,T,n·D), each normalised alone; one layer with a window, and streams read by weights of
 * its own. Checkpoints with three stages of DSpark under the same names need other steps.
 */
export function buildDeepseekV4Predictor(
  config: DeepseekV4Config,
  weights: WeightReader,
  { logits: rows }: GraphOptions,
): Graph {
  const b = new GraphBuilder(weights, { root: ROOT });
  const { hidden_size: D, hc_mult: heads, rms_norm_eps: epsilon, num_hidden_layers: at } = config;
  const windowOnly = {
    ...config,
    compress_ratios: [...config.compress_ratios.slice(0, at), 0 as const],
  };
  const embedded = embedTokens(b, config);
  return b.within('mtp.0', () => {
    requireNoStages(b);
    const e = b.linear(b.rmsNormalization(embedded, 'enorm', epsilon), 'e_proj', D);
    const given = b.node('splitHeads', [b.hidden(heads * D)], { heads });
    const h = b.linear(b.rmsNormalization(given, 'hnorm', epsilon), 'h_proj', D);
    const X = layer(b, b.node('add', [repeated(b, e, heads), h], {}), at, windowOnly);
    const normal = readStreams(b, rowsOf(b, X, rows), config);
    const hidden = b.node('mergeHeads', [X], {});
    return b.finish('deepseek_v4 mtp', { ...tokenHead(b, normal, config), hidden });
  });
}

/** What is said of DSpark, here and of DeepSeek-V4.1. */
export const DSPARK =
  'guess a block of tokens at once; their attention is in no reference that was read, so nothing could prove them';

function requireNoStages(b: GraphBuilder): void {
  if (!b.has('main_proj.weight')) return;
  throw new UnsupportedError(
    `MTP heads of deepseek_v4 are skipped: this checkpoint has DSpark stages in their place, which ${DSPARK}`,
    { where: 'drafts by MTP', hint: 'generate without drafts; the tokens are the same' },
  );
}

/** The streams as one row a token, normalised, with the weights of the module. */
function readStreams(b: GraphBuilder, X: Node, config: DeepseekV4Config): Node {
  return b.rmsNormalization(collapseStreams(b, X, config), 'norm', config.rms_norm_eps);
}

/** The head is no part of any module. */
function tokenHead(b: GraphBuilder, x: Node, { vocab_size: V, hidden_size: D }: DeepseekV4Config) {
  const logits = b.project(x, b.rootWeight('head.weight', [V, D]));
  return { logits, next: b.node('argMax', [logits], {}) };
}

function layer(b: GraphBuilder, X: Node, i: number, config: DeepseekV4Config): Node {
  const normal = (u: Node, name: string): Node => b.rmsNormalization(u, name, config.rms_norm_eps);
  const attended = hyperConnected(b, X, 'hc_attn', config, (u) => {
    const x = normal(u, 'attn_norm');
    return b.within('attn', () => compressedAttention(b, x, i, config));
  });
  return hyperConnected(b, attended, 'hc_ffn', config, (u) => {
    const x = normal(u, 'ffn_norm');
    return b.within('ffn', () => mixtureOfExperts(b, x, i < config.num_hash_layers, config));
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

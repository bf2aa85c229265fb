/**
 * The decoder of DeepSeek-V2, V3 and V3.2: latent attention, then routed experts beside shared ones;
 * the first layers have a dense feed-forward instead.
 *
 * The layer after the last is a head of multi-token prediction (num_nextn_predict_layers), a graph of its own.
 */
import type { Graph, Node } from '../../ir/index.ts';
import type { GraphBuilder } from './builder.ts';
import {
  buildDecoder,
  gatedMlp,
  residualLayer,
  type DecoderConfig,
  type GraphOptions,
} from './decoder.ts';
import { buildPredictor } from './multiToken.ts';
import { latentAttention, querySource, type LatentConfig } from './latentAttention.ts';

/** The fields of a configuration that this decoder reads. */
export interface DeepseekConfig extends DecoderConfig, LatentConfig {
  readonly intermediate_size: number;
  readonly moe_intermediate_size: number;
  readonly first_k_dense_replace: number;
  readonly n_routed_experts: number;
  readonly n_shared_experts: number;
}

/** In what the families differ. */
export interface DeepseekParts {
  /** Gates (B,T,E) of normalised rows x (B,T,D); built inside `mlp`. */
  readonly gates: (x: Node) => Node;
  /** Rows (B,T,k) that each token attends to, from x and the source of queries; all when absent. */
  readonly chooseRows?: (x: Node, source: Node, layer: number) => Node;
}

export function buildDeepseekDecoder(
  b: GraphBuilder,
  name: string,
  config: DeepseekConfig,
  options: GraphOptions,
  parts: DeepseekParts,
): Graph {
  return buildDecoder(b, name, config, options, (x, i) => layer(b, x, i, config, options, parts));
}

/** The head of the layer after the last, which has routed experts. */
export function buildDeepseekPredictor(
  b: GraphBuilder,
  name: string,
  config: DeepseekConfig,
  options: GraphOptions,
  parts: DeepseekParts,
): Graph {
  const at = config.num_hidden_layers;
  return buildPredictor(b, name, config, options, {
    inHead: (build) => b.within(`layers.${at}`, build),
    names: { embedding: 'enorm', hidden: 'hnorm', join: 'eh_proj', result: 'shared_head.norm' },
    block: (x) => layer(b, x, at, config, options, parts),
  });
}

function layer(
  b: GraphBuilder,
  x: Node,
  i: number,
  config: DeepseekConfig,
  options: GraphOptions,
  { gates, chooseRows }: DeepseekParts,
): Node {
  const D = config.hidden_size;
  const mixer = (normal: Node): Node =>
    b.within('self_attn', () => {
      const source = querySource(b, normal, config);
      const chosen = chooseRows?.(normal, source, i);
      const heads = latentAttention(b, normal, source, i, config, options, chosen);
      return b.linear(heads, 'o_proj', D);
    });
  const feedForward = (normal: Node): Node =>
    i < config.first_k_dense_replace
      ? gatedMlp(b, normal, 'mlp', config.intermediate_size, D)
      : b.within('mlp', () => mixtureOfExperts(b, normal, gates(normal), config));
  return residualLayer(b, x, config, { mixer, feedForward });
}

function mixtureOfExperts(b: GraphBuilder, x: Node, gates: Node, config: DeepseekConfig): Node {
  const { n_routed_experts: E, moe_intermediate_size: F, hidden_size: D } = config;
  const stacked = (name: string, shape: number[]): Node =>
    b.stackedWeight('experts', `${name}.weight`, E, shape);
  const weights = [stacked('gate_proj', [F, D]), stacked('up_proj', [F, D])];
  const y = b.node('experts', [x, gates, ...weights, stacked('down_proj', [D, F])], {});
  const shared = gatedMlp(b, x, 'shared_experts', F * config.n_shared_experts, D);
  return b.node('add', [shared, y], {});
}

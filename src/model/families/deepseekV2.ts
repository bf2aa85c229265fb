/**
 * DeepSeek-V2, V2-Lite and Coder-V2: latent attention, with or without compressed queries; experts
 * routed by softmax, limited to the groups with the best expert where `topk_method` says so, and the
 * gates scaled but not normalised.
 *
 * [1] DeepSeek-V2, section 2, https://arxiv.org/abs/2405.04434
 */
import type { Graph, Node } from '../../ir/index.ts';
import type { DeepseekV2Config } from '../checkpoint/deepseekV2Config.ts';
import { GraphBuilder, type WeightReader } from './builder.ts';
import type { GraphOptions } from './decoder.ts';
import { buildDeepseekDecoder } from './deepseekDecoder.ts';

export function buildDeepseekV2(
  config: DeepseekV2Config,
  weights: WeightReader,
  options: GraphOptions,
): Graph {
  const b = new GraphBuilder(weights);
  const gates = (x: Node): Node => softmaxGates(b, x, config);
  return buildDeepseekDecoder(b, 'deepseek_v2', config, options, { gates });
}

/** Gates (B,T,E) of the module's router [1, section 2.2]. */
function softmaxGates(b: GraphBuilder, x: Node, config: DeepseekV2Config): Node {
  const limited = config.topk_method === 'group_limited_greedy';
  return b.node('route', [b.linear(x, 'gate', config.n_routed_experts)], {
    scoring: 'softmax',
    topK: config.num_experts_per_tok,
    groups: limited ? config.n_group : 1,
    topGroups: limited ? config.topk_group : 1,
    groupByBest: limited,
    normalize: false,
    scale: config.routed_scaling_factor,
  });
}

/**
 * DeepSeek-V3, R1 and V3.1: latent attention; experts routed by sigmoid and bias, limited to the groups
 * with the best two experts.
 *
 * [1] DeepSeek-V3 Technical Report, section 2, https://arxiv.org/abs/2412.19437
 */
import type { Graph, Node } from '../../ir/index.ts';
import type { DeepseekV3Config } from '../checkpoint/deepseekV3Config.ts';
import { GraphBuilder, type WeightReader } from './builder.ts';
import type { GraphOptions } from './decoder.ts';
import { buildDeepseekDecoder, buildDeepseekPredictor } from './deepseekDecoder.ts';

export function buildDeepseekV3(
  config: DeepseekV3Config,
  weights: WeightReader,
  options: GraphOptions,
): Graph {
  const b = new GraphBuilder(weights);
  const gates = (x: Node): Node => sigmoidGates(b, x, config);
  return buildDeepseekDecoder(b, 'deepseek_v3', config, options, { gates });
}

/** Its head of multi-token prediction [1, section 2.2]. */
export function buildDeepseekV3Predictor(
  config: DeepseekV3Config,
  weights: WeightReader,
  options: GraphOptions,
): Graph {
  const b = new GraphBuilder(weights);
  const gates = (x: Node): Node => sigmoidGates(b, x, config);
  return buildDeepseekPredictor(b, 'deepseek_v3 mtp', config, options, { gates });
}

/** Gates (B,T,E) of the module's router [1, eq. 12-16]. */
export function sigmoidGates(b: GraphBuilder, x: Node, config: DeepseekV3Config): Node {
  const logits = b.linear(x, 'gate', config.n_routed_experts);
  const bias = b.weight('gate.e_score_correction_bias', [config.n_routed_experts]);
  return b.node('route', [logits, bias], {
    scoring: 'sigmoid',
    topK: config.num_experts_per_tok,
    groups: config.n_group,
    topGroups: config.topk_group,
    normalize: config.norm_topk_prob,
    scale: config.routed_scaling_factor,
  });
}

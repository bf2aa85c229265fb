/**
 * Qwen3: grouped-query attention with normalised queries and keys; gated feed-forward, or routed
 * experts in its place (qwen3_moe).
 *
 * [1] Qwen3 Technical Report, https://arxiv.org/abs/2505.09388
 * [2] transformers, models/qwen3/modeling_qwen3.py, models/qwen3_moe/modeling_qwen3_moe.py
 */
import type { Graph, Node } from '../../ir/index.ts';
import { hasExperts } from '../checkpoint/expertFields.ts';
import type { Qwen3Config } from '../checkpoint/qwen3Config.ts';
import type { Qwen3MoeConfig } from '../checkpoint/qwen3MoeConfig.ts';
import { GraphBuilder, type WeightReader } from './builder.ts';
import { buildDecoder, gatedMlp, residualLayer, type GraphOptions } from './decoder.ts';
import { routedExperts } from './experts.ts';
import { attend } from './groupedQuery.ts';

export function buildQwen3(
  config: Qwen3Config,
  weights: WeightReader,
  options: GraphOptions,
): Graph {
  const b = new GraphBuilder(weights);
  const { hidden_size: D, intermediate_size: width } = config;
  return buildDecoder(b, 'qwen3', config, options, (x, i) =>
    residualLayer(b, x, config, {
      mixer: (normal) => attention(b, normal, i, config),
      feedForward: (normal) => gatedMlp(b, normal, 'mlp', width, D),
    }),
  );
}

export function buildQwen3Moe(
  config: Qwen3MoeConfig,
  weights: WeightReader,
  options: GraphOptions,
): Graph {
  const b = new GraphBuilder(weights);
  const { hidden_size: D, intermediate_size: width } = config;
  return buildDecoder(b, 'qwen3_moe', config, options, (x, i) =>
    residualLayer(b, x, config, {
      mixer: (normal) => attention(b, normal, i, config),
      feedForward: (normal) =>
        hasExperts(config, i)
          ? b.within('mlp', () => routedExperts(b, normal, config))
          : gatedMlp(b, normal, 'mlp', width, D),
    }),
  );
}

type AttentionFields = Omit<Qwen3Config, 'intermediate_size'>;

function attention(b: GraphBuilder, x: Node, layer: number, config: AttentionFields): Node {
  const { num_attention_heads: H, num_key_value_heads: G, head_dim: K, rms_norm_eps } = config;
  const project = (name: string, heads: number): Node =>
    b.node('splitHeads', [b.linear(x, name, heads * K)], { heads });
  return b.within('self_attn', () => {
    const query = b.rmsNormalization(project('q_proj', H), 'q_norm', rms_norm_eps);
    const key = b.rmsNormalization(project('k_proj', G), 'k_norm', rms_norm_eps);
    const heads = attend(b, { query, key, value: project('v_proj', G) }, layer, config);
    return b.linear(b.node('mergeHeads', [heads], {}), 'o_proj', config.hidden_size);
  });
}

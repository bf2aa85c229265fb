/**
 * Qwen2.5 and DeepSeek-R1-Distill-Qwen: grouped-query attention whose queries, keys and values have
 * biases, gated feed-forward.
 *
 * [1] Qwen2.5 Technical Report, https://arxiv.org/abs/2412.15115
 * [2] transformers, models/qwen2/modeling_qwen2.py
 */
import type { Graph, Node } from '../../ir/index.ts';
import type { Qwen2Config } from '../checkpoint/qwen2Config.ts';
import { GraphBuilder, type WeightReader } from './builder.ts';
import { buildDecoder, gatedMlp, residualLayer, type GraphOptions } from './decoder.ts';
import { attend } from './groupedQuery.ts';

export function buildQwen2(
  config: Qwen2Config,
  weights: WeightReader,
  options: GraphOptions,
): Graph {
  const b = new GraphBuilder(weights);
  const { hidden_size: D, intermediate_size: width } = config;
  return buildDecoder(b, 'qwen2', config, options, (x, i) =>
    residualLayer(b, x, config, {
      mixer: (normal) => attention(b, normal, i, config),
      feedForward: (normal) => gatedMlp(b, normal, 'mlp', width, D),
    }),
  );
}

function attention(b: GraphBuilder, x: Node, layer: number, config: Qwen2Config): Node {
  const { num_attention_heads: H, num_key_value_heads: G, head_dim: K } = config;
  const project = (name: string, heads: number): Node =>
    b.node('splitHeads', [b.biasedLinear(x, name, heads * K)], { heads });
  return b.within('self_attn', () => {
    const [query, key] = [project('q_proj', H), project('k_proj', G)];
    const heads = attend(b, { query, key, value: project('v_proj', G) }, layer, config);
    return b.linear(b.node('mergeHeads', [heads], {}), 'o_proj', config.hidden_size);
  });
}

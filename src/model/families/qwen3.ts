/**
 * Qwen3, dense: grouped-query attention with normalised queries and keys, gated feed-forward.
 *
 * [1] Qwen3 Technical Report, https://arxiv.org/abs/2505.09388
 * [2] transformers, models/qwen3/modeling_qwen3.py
 */
import { type Graph, type Node } from '../../ir/index.ts';
import { type Qwen3Config } from '../checkpoint/qwen3Config.ts';
import { GraphBuilder, type WeightReader } from './builder.ts';
import { buildDecoder, gatedMlp, type GraphOptions } from './decoder.ts';
import { rotaryConstants } from './rotary.ts';

export function buildQwen3(
  config: Qwen3Config,
  weights: WeightReader,
  options: GraphOptions,
): Graph {
  const b = new GraphBuilder(weights);
  const { hidden_size: D, rms_norm_eps: epsilon } = config;
  return buildDecoder(b, 'qwen3', config, options, (x, i) => {
    const attended = attention(b, b.rmsNormalization(x, 'input_layernorm', epsilon), i, config);
    x = b.node('add', [x, attended], {});
    const normal = b.rmsNormalization(x, 'post_attention_layernorm', epsilon);
    return b.node('add', [x, gatedMlp(b, normal, 'mlp', config.intermediate_size, D)], {});
  });
}

function attention(b: GraphBuilder, x: Node, layer: number, config: Qwen3Config): Node {
  const { num_attention_heads: H, num_key_value_heads: G, head_dim: K, rms_norm_eps } = config;
  const { frequencies, magnitude } = rotaryConstants(K, config.rope_theta, config.rope_scaling);
  const project = (name: string, heads: number): Node =>
    b.node('splitHeads', [b.linear(x, name, heads * K)], { heads });
  const rotate = (rows: Node): Node =>
    b.node('rotaryEmbedding', [rows, b.position], { layout: 'half', frequencies, magnitude });
  return b.within('self_attn', () => {
    const q = rotate(b.rmsNormalization(project('q_proj', H), 'q_norm', rms_norm_eps)); // (B,T,H,K)
    const k = rotate(b.rmsNormalization(project('k_proj', G), 'k_norm', rms_norm_eps)); // (B,T,G,K)
    const keys = b.append(`layers.${layer}.k`, k);
    const values = b.append(`layers.${layer}.v`, project('v_proj', G));
    const attrs = { scale: K ** -0.5, valueWidth: K };
    const o = b.node('attention', [q, keys, values, b.position], attrs); // (B,T,H,K)
    return b.linear(b.node('mergeHeads', [o], {}), 'o_proj', config.hidden_size);
  });
}

/**
 * The decoder of DeepSeek-V2, V3 and V3.2: latent attention, then routed experts beside shared ones;
 * the first layers have a dense feed-forward instead.
 *
 * The layers for multi-token prediction at the end of a checkpoint (num_nextn_predict_layers) are left
 * out: they do not change the tokens.
 */
import { type Graph, type Node } from '../../ir/index.ts';
import { type GraphBuilder } from './builder.ts';
import { buildDecoder, gatedMlp, type DecoderConfig, type GraphOptions } from './decoder.ts';
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
  { gates, chooseRows }: DeepseekParts,
): Graph {
  const { hidden_size: D, rms_norm_eps: epsilon } = config;
  return buildDecoder(b, name, config, options, (x, i) => {
    const normal = b.rmsNormalization(x, 'input_layernorm', epsilon);
    const attended = b.within('self_attn', () => {
      const source = querySource(b, normal, config);
      const chosen = chooseRows?.(normal, source, i);
      const heads = latentAttention(b, normal, source, i, config, options, chosen);
      return b.linear(heads, 'o_proj', D);
    });
    x = b.node('add', [x, attended], {});
    const second = b.rmsNormalization(x, 'post_attention_layernorm', epsilon);
    const dense = i < config.first_k_dense_replace;
    const y = dense
      ? gatedMlp(b, second, 'mlp', config.intermediate_size, D)
      : b.within('mlp', () => mixtureOfExperts(b, second, gates(second), config));
    return b.node('add', [x, y], {});
  });
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

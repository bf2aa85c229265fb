/**
 * Gated DeltaNet: a layer whose memory is one matrix a head instead of keys and values of all tokens.
 *
 * Queries, keys and values go through a short causal convolution; the delta rule then learns to answer
 * each key with its value, forgets by a gate, and is read by the query; what is read is normalised and
 * gated. Value head j uses key head ⌊j·G/H⌋.
 *
 * [1] Yang, Kautz, Hatamizadeh: Gated Delta Networks, https://arxiv.org/abs/2412.06464
 * [2] transformers, models/qwen3_next/modeling_qwen3_next.py, models/qwen3_5/modeling_qwen3_5.py
 */
import type { Node } from '../../ir/index.ts';
import type { GraphBuilder } from './builder.ts';
import type { GraphOptions } from './decoder.ts';

/** The fields of a configuration that these parts read. */
export interface DeltaConfig {
  readonly hidden_size: number;
  readonly rms_norm_eps: number;
  readonly linear_num_key_heads: number;
  readonly linear_num_value_heads: number;
  readonly linear_key_head_dim: number;
  readonly linear_value_head_dim: number;
  readonly linear_conv_kernel_dim: number;
  /** What the gates of the result go through; silu when absent. */
  readonly output_gate_type?: 'silu' | 'sigmoid';
}

/** What is projected from the normalised rows. */
export interface DeltaProjections {
  /** Queries, keys and values of all heads (B,T,2·G·K + H·V), before the convolution. */
  readonly mixed: Node;
  /** Gates of the result (B,T,H·V). */
  readonly gate: Node;
  /** Learning rates and decays (B,T,H), before their functions. */
  readonly rate: Node;
  readonly decay: Node;
}

/** Under the root of Σx² of queries and keys; no field of the configuration. */
const UNIT_EPSILON = 1e-6;

/** Tokens that the chunked form evaluates together, as the makers' kernels do. */
const CHUNK_TOKENS = 64;

export function gatedDeltaNet(
  b: GraphBuilder,
  { mixed, gate, rate, decay }: DeltaProjections,
  layer: number,
  config: DeltaConfig,
  { deltaRule }: GraphOptions,
): Node {
  const { linear_num_key_heads: G, linear_key_head_dim: K } = config;
  const { linear_num_value_heads: H, linear_value_head_dim: V } = config;
  const convolved = b.node('silu', [convolution(b, mixed, layer, config)], {});
  const heads = (start: number, count: number, width: number): Node => {
    const channels = b.node('slice', [convolved], { start, size: count * width });
    return b.node('splitHeads', [channels], { heads: count });
  };
  const unit = (rows: Node): Node => b.node('l2Normalization', [rows], { epsilon: UNIT_EPSILON });
  const inputs = [
    unit(heads(0, G, K)),
    unit(heads(G * K, G, K)),
    heads(2 * G * K, H, V),
    logarithmOfDecay(b, decay, H),
    b.node('sigmoid', [rate], {}),
  ];
  const attrs = { scale: K ** -0.5, chunk: deltaRule === 'chunked' ? CHUNK_TOKENS : 1 };
  const read = b.stateful(
    'gatedDelta',
    `layers.${layer}.memory`,
    [H, K, V],
    [...inputs, b.position],
    attrs,
  );
  const normal = b.node('rmsNormalization', [read, b.weight('norm.weight', [V])], {
    epsilon: config.rms_norm_eps,
  });
  const gates = b.node('splitHeads', [gate], { heads: H });
  const gated =
    config.output_gate_type === 'sigmoid'
      ? b.node('mul', [normal, b.node('sigmoid', [gates], {})], {})
      : b.node('swiglu', [gates, normal], {});
  return b.linear(b.node('mergeHeads', [gated], {}), 'out_proj', config.hidden_size);
}

function convolution(b: GraphBuilder, x: Node, layer: number, config: DeltaConfig): Node {
  const [C, W] = [x.type.shape.at(-1) as number, config.linear_conv_kernel_dim];
  const derive = (taps: Float32Array): Float32Array => taps;
  const weight = b.derivedWeight('conv1d.weight', 'taps', [C, W], { stored: [C, 1, W], derive });
  return b.stateful(
    'causalConvolution',
    `layers.${layer}.convolution`,
    [W - 1, C],
    [x, weight, b.position],
    {},
  );
}

/** −e^A·softplus(x + bias): below zero, for each head. */
function logarithmOfDecay(b: GraphBuilder, x: Node, H: number): Node {
  const derive = (logs: Float32Array): Float32Array => logs.map((a) => -Math.exp(a));
  const factor = b.derivedWeight('A_log', '-exp', [H], { derive });
  const sum = b.node('add', [x, b.weight('dt_bias', [H])], {});
  return b.node('mul', [b.node('softplus', [sum], {}), factor], {});
}

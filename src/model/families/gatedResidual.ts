/**
 * Gated residual streams: n streams X (B,T,n,D) in place of one [1].
 *
 * With N = norm(X), each stream by itself, a layer reads the mean of M ⊙ N over the streams, where
 * M = σ(Up·silu(Down·N / n)), and its result y is added to each stream, X_k + γ_k·y, γ = 2σ(Inject·N / n).
 * N is used as N / n only, which is in the weight of its norm.
 *
 * [1] transformers, models/qwen4_exp/modeling_qwen4_exp.py, Qwen4ExpTextGatedResidual
 */
import { lastDim, type Node } from '../../ir/index.ts';
import type { GraphBuilder } from './builder.ts';

/** The fields of a configuration that these parts read. */
export interface StreamConfig {
  readonly hidden_size: number;
  readonly hc_count: number;
  readonly hc_lowrank: number;
  readonly rms_norm_eps: number;
}

/** X after the layer `build`, whose input and result are (B,T,D). */
export function gatedResidual(
  b: GraphBuilder,
  X: Node,
  scope: string,
  config: StreamConfig,
  build: (u: Node) => Node,
): Node {
  const { hc_count: n } = config;
  const { input, inject } = b.within(scope, () => {
    const normal = normalised(b, X, config);
    return {
      input: mixed(b, normal, config),
      inject: b.node('sigmoid', [b.linear(normal, 'block_inject_weight', n)], {}),
    };
  });
  const y = b.node('splitHeads', [build(input)], { heads: 1 });
  const twice = b.node('add', [inject, inject], {});
  return b.node('add', [X, b.node('mixHeads', [twice, y], {})], {});
}

/** The streams in one (B,T,D), for the head. */
export function mixStreams(b: GraphBuilder, X: Node, scope: string, config: StreamConfig): Node {
  return b.within(scope, () => mixed(b, normalised(b, X, config), config));
}

/** Each stream of X (B,T,n,D) by itself, times 1 + w of the weight `name` (n·D) and a factor → (B,T,n·D). */
export function streamNorm(
  b: GraphBuilder,
  X: Node,
  name: string,
  { rms_norm_eps: epsilon }: StreamConfig,
  factor = 1,
): Node {
  const flat = b.node('mergeHeads', [b.node('rmsNormalization', [X], { epsilon })], {});
  const derive = (w: Float32Array): Float32Array => w.map((value) => (1 + value) * factor);
  const part = factor === 1 ? '1+w' : `(1+w)·${factor}`;
  const weight = b.derivedWeight(`${name}.weight`, part, [lastDim(flat.type)], { derive });
  return b.node('mul', [flat, weight], {}, name);
}

/** N / n. */
function normalised(b: GraphBuilder, X: Node, config: StreamConfig): Node {
  return streamNorm(b, X, 'hc_norm', config, 1 / config.hc_count);
}

function mixed(b: GraphBuilder, normal: Node, config: StreamConfig): Node {
  const { hidden_size: D, hc_count: n, hc_lowrank: rank } = config;
  const low = b.node('silu', [b.linear(normal, 'input_mix_weight_down', rank)], {});
  const weights = b.node('sigmoid', [b.linear(low, 'input_mix_weight_up', n * D)], {});
  const product = b.node('mul', [weights, normal], {});
  const streams = Array.from({ length: n }, (_, i) =>
    b.node('slice', [product], { start: i * D, size: D }),
  );
  return streams.reduce((sum, stream) => b.node('add', [sum, stream], {}));
}

/**
 * Manifold-constrained hyper-connections: n residual streams X (B,T,n,D) in place of one [1, section 2.2].
 *
 * A layer reads u = Σ_i pre_i·X_i and its result y is spread again, X'_k = post_k·y + Σ_j comb[j][k]·X_j.
 * The coefficients of a token are a linear of all its streams, normalised together without a weight;
 * Sinkhorn's iteration brings the rows and columns of comb towards sums of 1 [2].
 *
 * [1] DeepSeek-V4, https://arxiv.org/abs/2606.19348
 * [2] https://github.com/deepseek-ai/TileKernels, tile_kernels/torch/mhc.py
 */
import { lastDim, type Node } from '../../ir/index.ts';
import type { GraphBuilder } from './builder.ts';

/** The fields of a configuration that these parts read. */
export interface StreamsConfig {
  readonly hc_mult: number;
  readonly hc_sinkhorn_iters: number;
  readonly hc_eps: number;
  readonly rms_norm_eps: number;
}

/** Coefficients of a layer: of what it reads (B,T,n), where its result goes (B,T,n), what remains (B,T,n·n). */
export interface StreamCoefficients {
  readonly pre: Node;
  readonly post: Node;
  readonly comb: Node;
}

interface EmbeddingConfig {
  readonly vocab_size: number;
  readonly hidden_size: number;
}

/** X before the first layer: each stream is the embedding of the token. */
export function embeddedStreams(
  b: GraphBuilder,
  config: EmbeddingConfig & { readonly hc_mult: number },
): Node {
  return repeated(b, embedTokens(b, config), config.hc_mult);
}

/** The embeddings (B,T,D) of the tokens. */
export function embedTokens(b: GraphBuilder, config: EmbeddingConfig): Node {
  const table = b.weight('embed.weight', [config.vocab_size, config.hidden_size]);
  return b.node('embedding', [b.tokens, table], {}, 'embed');
}

/** x (B,T,D) as each of `heads` streams. */
export function repeated(b: GraphBuilder, x: Node, heads: number): Node {
  return b.node('repeatHeads', [b.node('splitHeads', [x], { heads: 1 })], { heads });
}

/** X after the layer `build`, with the weights `name`_fn, `name`_base and `name`_scale. */
export function hyperConnected(
  b: GraphBuilder,
  X: Node,
  name: string,
  config: StreamsConfig,
  build: (u: Node) => Node,
): Node {
  const parts = streamCoefficients(b, X, name, config);
  return spread(b, X, build(collapse(b, parts.pre, X)), parts);
}

/** The coefficients of the weights `name`_fn, `name`_base and `name`_scale for the streams X. */
export function streamCoefficients(
  b: GraphBuilder,
  X: Node,
  name: string,
  config: StreamsConfig,
): StreamCoefficients {
  const n = config.hc_mult;
  const all = coefficients(b, X, name, n * (n + 2), config);
  const part = (start: number, size: number): Node => b.node('slice', [all], { start, size });
  return { pre: part(0, n), post: part(n, n), comb: part(2 * n, n * n) };
}

/** The streams after a layer that gave y (B,T,D). */
export function spread(
  b: GraphBuilder,
  X: Node,
  y: Node,
  { post, comb }: StreamCoefficients,
): Node {
  const added = b.node('mixHeads', [post, b.node('splitHeads', [y], { heads: 1 })], {});
  const mixed = b.node('mixHeads', [comb, X], {});
  return b.node('add', [added, mixed], {});
}

/** The streams in one (B,T,D), for the head. */
export function collapseStreams(b: GraphBuilder, X: Node, config: StreamsConfig): Node {
  return collapse(b, coefficients(b, X, 'hc_head', config.hc_mult, config), X);
}

/** Σ_i pre_i·X_i (B,T,D). */
export function collapse(b: GraphBuilder, pre: Node, X: Node): Node {
  return b.node('mergeHeads', [b.node('mixHeads', [pre, X], {})], {});
}

function coefficients(
  b: GraphBuilder,
  X: Node,
  name: string,
  width: number,
  config: StreamsConfig,
): Node {
  const { hc_mult: streams, hc_sinkhorn_iters: iterations, hc_eps: epsilon } = config;
  const flat = b.node('mergeHeads', [X], {});
  const normal = b.node('rmsNormalization', [flat], { epsilon: config.rms_norm_eps });
  const fn = b.weight(`${name}_fn`, [width, lastDim(flat.type)]);
  const scale = b.weight(`${name}_scale`, [width === streams ? 1 : 3]);
  const base = b.weight(`${name}_base`, [width]);
  const logits = b.node('linear', [normal, fn], {}, name);
  return b.node('hyperConnection', [logits, scale, base], { streams, iterations, epsilon }, name);
}

/**
 * Embeddings of n-grams (PLE): rows of a huge table by hashes of the last tokens, added to every residual
 * stream as far as the stream agrees with them [1].
 *
 *   e = rows of the 2-grams, 3-grams …      key = norm(W_k e), value = W_v e, for each stream k:
 *   g_k = σ(signedRoot(⟨key_k, norm(X)_k⟩ / √D))       v_k = g_k·value
 *   X + v + silu(convolution(norm(v)))                 of tokens as far apart as the longest n-gram
 *
 * [1] transformers, models/qwen4_exp/modeling_qwen4_exp.py, Qwen4ExpTextPLELayer
 */
import { lastDim, type Node } from '../../ir/index.ts';
import type { Qwen4ExpConfig } from '../checkpoint/qwen4ExpConfig.ts';
import type { GraphBuilder } from './builder.ts';
import { streamNorm } from './gatedResidual.ts';
import { moduliOf, multipliersOf, rowsOfTable } from './ngrams.ts';

/** The least magnitude whose root is taken; no field of the configuration. */
const SMALLEST_PRODUCT = 1e-6;

/** The streams X (B,T,n,D) with n-grams of the table `index`, the one of layer `layer`, added. */
export function withNgrams(
  b: GraphBuilder,
  X: Node,
  layer: number,
  index: number,
  config: Qwen4ExpConfig,
): Node {
  const { hidden_size: D, hc_count: n } = config;
  const split = (x: Node, heads: number): Node => b.node('splitHeads', [x], { heads });
  const merge = (x: Node): Node => b.node('mergeHeads', [x], {});
  return b.within('ple', () => {
    const embedded = b.within('ple_embedding', () => ngrams(b, layer, index, config));
    const key = streamNorm(
      b,
      split(b.linear(embedded, 'key_proj', n * D), n),
      'norm_key',
      config,
      D ** -0.5,
    );
    const query = streamNorm(b, X, 'norm_query', config);
    const agreement = b.node('dot', [split(key, n), split(query, n)], {});
    const root = b.node('signedRoot', [agreement], { smallest: SMALLEST_PRODUCT });
    const gates = merge(b.node('sigmoid', [root], {}));
    const value = split(b.linear(embedded, 'value_proj', D), 1);
    const gated = b.node('mixHeads', [gates, value], {});
    const around = convolution(b, streamNorm(b, gated, 'norm_conv', config), layer, config);
    const sum = b.node('add', [merge(gated), b.node('silu', [around], {})], {});
    return b.node('add', [X, split(sum, n)], {});
  });
}

/** The embeddings of all n-grams that end at each token, side by side (B,T,E). */
function ngrams(b: GraphBuilder, layer: number, index: number, config: Qwen4ExpConfig): Node {
  const moduli = moduliOf(config, index);
  const rows = b.stateful(
    'ngramRows',
    `layers.${layer}.tokens`,
    [config.ngram_size - 1],
    [b.tokens, b.position],
    {
      multipliers: multipliersOf(config, index),
      moduli,
      padding: config.eos_token_id[0]!,
      endsText: true,
    },
  );
  const width = (config.ple_embed_dim ?? config.hidden_size) / moduli.length;
  const shape = [rowsOfTable(moduli, config), width] as const;
  const table = b.table('ngram_embedding', config.split_ngram_parts, shape);
  return b.node('mergeHeads', [b.node('embedding', [rows, table], {})], {});
}

function convolution(b: GraphBuilder, x: Node, layer: number, config: Qwen4ExpConfig): Node {
  const { ple_conv_kernel_size: W, ngram_size: dilation } = config;
  const C = lastDim(x.type);
  const derive = (taps: Float32Array): Float32Array => taps;
  const weight = b.derivedWeight('conv1d.weight', 'taps', [C, W], { stored: [C, 1, W], derive });
  const name = `layers.${layer}.ngrams`;
  const inputs = [x, weight, b.position];
  return b.stateful('causalConvolution', name, [(W - 1) * dilation, C], inputs, { dilation });
}

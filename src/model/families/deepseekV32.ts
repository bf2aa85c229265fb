/**
 * DeepSeek-V3.2 and V3.2-Exp: DeepSeek-V3 whose tokens attend only to the rows that a lightning indexer
 * gives the largest scores [1, section 2.1].
 *
 *   score(t,s) = Σ_h w_h · relu(q_h·k_s)      q from the compressed query, k = LayerNorm(W_k x)
 *
 * Both are rotated in their FIRST qk_rope_head_dim channels, in the half layout; the heads of latent
 * attention rotate neighbouring channels. The makers' first code rotated neighbours in both, which only
 * long contexts show, and was corrected [2].
 *
 * Left out, because they change no choice in exact arithmetic: the constant positive factors of scores
 * and weights, and the Hadamard rotation R of queries and keys, Rq·Rk = q·k, which serves their FP8 form.
 *
 * [1] DeepSeek-V3.2-Exp, https://github.com/deepseek-ai/DeepSeek-V3.2-Exp
 * [2] https://github.com/sgl-project/sglang/pull/13495
 */
import type { Graph, Node } from '../../ir/index.ts';
import type { DeepseekV32Config } from '../checkpoint/deepseekV32Config.ts';
import { GraphBuilder, type WeightReader } from './builder.ts';
import type { GraphOptions } from './decoder.ts';
import {
  buildDeepseekDecoder,
  buildDeepseekPredictor,
  type DeepseekParts,
} from './deepseekDecoder.ts';
import { sigmoidGates } from './deepseekV3.ts';
import { rotaryConstants } from './rotary.ts';

/** ε of the normalisation of index keys; no field of the configuration says it. */
const KEY_EPSILON = 1e-6;

export function buildDeepseekV32(
  config: DeepseekV32Config,
  weights: WeightReader,
  options: GraphOptions,
): Graph {
  const b = new GraphBuilder(weights);
  return buildDeepseekDecoder(b, 'deepseek_v32', config, options, partsOf(b, config));
}

/** Its head of multi-token prediction, which has an indexer too. */
export function buildDeepseekV32Predictor(
  config: DeepseekV32Config,
  weights: WeightReader,
  options: GraphOptions,
): Graph {
  const b = new GraphBuilder(weights);
  return buildDeepseekPredictor(b, 'deepseek_v32 mtp', config, options, partsOf(b, config));
}

function partsOf(b: GraphBuilder, config: DeepseekV32Config): DeepseekParts {
  return {
    gates: (x) => sigmoidGates(b, x, config),
    chooseRows: (x, source, layer) =>
      b.within('indexer', () => chooseRows(b, x, source, layer, config)),
  };
}

/** The rows (B,T,index_topk) that each token attends to. */
function chooseRows(
  b: GraphBuilder,
  x: Node,
  source: Node,
  layer: number,
  config: DeepseekV32Config,
): Node {
  const { index_n_heads: H, index_head_dim: K } = config;
  const heads = (rows: Node, count: number): Node => b.node('splitHeads', [rows], { heads: count });
  const query = rotateFirst(b, heads(b.linear(source, 'wq_b', H * K), H), config);
  const normal = b.layerNormalization(b.linear(x, 'wk', K), 'k_norm', KEY_EPSILON);
  const keys = b.append(`layers.${layer}.index`, rotateFirst(b, heads(normal, 1), config));
  const weights = b.linear(x, 'weights_proj', H);
  return b.node('topRows', [query, weights, keys, b.position], { topK: config.index_topk });
}

/** Rotates the first channels of each head of x (B,T,H,K). */
function rotateFirst(b: GraphBuilder, x: Node, config: DeepseekV32Config): Node {
  const { qk_rope_head_dim: rotated, index_head_dim: K } = config;
  const { frequencies, magnitude } = rotaryConstants(
    rotated,
    config.rope_theta,
    config.rope_scaling,
  );
  const attrs = { layout: 'half', frequencies, magnitude } as const;
  const first = b.node('slice', [x], { start: 0, size: rotated });
  const rest = b.node('slice', [x], { start: rotated, size: K - rotated });
  return b.node('concat', [b.node('rotaryEmbedding', [first, b.position], attrs), rest], {});
}

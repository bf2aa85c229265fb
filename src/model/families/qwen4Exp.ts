/**
 * Qwen3.8-Flash-Next, the preview of Qwen4: the layers of Qwen3.5 with experts, in gated residual streams
 * in place of norms and additions, with sparse attention, and n-grams added before some layers.
 *
 * Attention is sparse (QSA): index keys of every few tokens are averaged as they are, then normalised and
 * rotated at the position of the first; a token attends to the blocks with the largest Σ_h relu(q_h·k)
 * and to those tokens behind the last complete block. The constant factor of the scores changes no
 * choice and is left out. All norms but the one inside the delta rule are stored around 0.
 *
 * Heads (tensors `mtp.*`) that predict further tokens, and the tower that sees pictures, are left out.
 *
 * [1] transformers, models/qwen4_exp/modeling_qwen4_exp.py
 */
import { lastDim, type Graph, type Node } from '../../ir/index.ts';
import type { Qwen4ExpConfig } from '../checkpoint/qwen4ExpConfig.ts';
import { GraphBuilder, type WeightReader } from './builder.ts';
import type { GraphOptions } from './decoder.ts';
import { gatedDeltaNet } from './gatedDeltaNet.ts';
import { gatedResidual, mixStreams } from './gatedResidual.ts';
import { rotateFirst } from './groupedQuery.ts';
import { withNgrams } from './ngramEmbedding.ts';
import { gatedAttention, mixtureOfExperts, separateProjections } from './qwenHybrid.ts';
import { rotaryConstants, type RotaryConstants } from './rotary.ts';

export function buildQwen4Exp(
  config: Qwen4ExpConfig,
  weights: WeightReader,
  options: GraphOptions,
): Graph {
  const b = new GraphBuilder(weights, { zeroCentred: true });
  const shape = [config.vocab_size, config.hidden_size];
  const table = b.weight('embed_tokens.weight', shape);
  const embedded = b.node('embedding', [b.tokens, table], {}, 'embed_tokens');
  const one = b.node('splitHeads', [embedded], { heads: 1 });
  let X = b.node('repeatHeads', [one], { heads: config.hc_count });
  for (let i = 0; i < config.num_hidden_layers; i++) X = layer(b, X, i, config, options);
  if (options.logits === 'last') X = b.node('lastToken', [X], {});
  const x = mixStreams(b, X, 'hyper_connection_mixer', config);
  const head = config.tie_word_embeddings ? table : b.rootWeight('lm_head.weight', shape);
  const logits = b.node('linear', [x, head], {}, 'lm_head');
  return b.finish('qwen4_exp', { logits, next: b.node('argMax', [logits], {}) });
}

function layer(
  b: GraphBuilder,
  X: Node,
  i: number,
  config: Qwen4ExpConfig,
  options: GraphOptions,
): Node {
  const withTables = [...new Set(config.ple_layer_ids)].toSorted((a, c) => a - c);
  const index = withTables.indexOf(i + 1); // they are counted from 1
  return b.within(`layers.${i}`, () => {
    const streams = index < 0 ? X : withNgrams(b, X, i, index, config);
    const mixed = gatedResidual(b, streams, 'attn_hyper_connection', config, (u) =>
      config.layer_types[i] === 'full_attention'
        ? b.within('self_attn', () => gatedAttention(b, u, i, config, chosenRows(b, u, i, config)))
        : b.within('linear_attn', () =>
            gatedDeltaNet(b, separateProjections(b, u, config), i, config, options),
          ),
    );
    return gatedResidual(b, mixed, 'mlp_hyper_connection', config, (u) =>
      mixtureOfExperts(b, u, config),
    );
  });
}

/** The rows that each token attends to: those of the best blocks, and the newest beyond the last block. */
function chosenRows(b: GraphBuilder, x: Node, layer: number, config: Qwen4ExpConfig): Node {
  const { indexer_n_heads: H, indexer_head_dim: K, indexer_compress_ratio: tokens } = config;
  const { hidden_size: D, rms_norm_eps: epsilon } = config;
  const part = (name: string, start: number, heads: number): Node => {
    const range = { parts: 1, partRows: (H + 1) * K, start: start * K, count: heads * K };
    const weight = b.weightRows('index_qk_proj.weight', name, range, [heads * K, D]);
    return b.project(x, weight);
  };
  return b.within('indexer', () => {
    const query = b.rmsNormalization(
      b.node('splitHeads', [part('query', 0, H)], { heads: H }),
      'q_layernorm',
      epsilon,
    );
    const keys = blockKeys(b, part('key', H, 1), `layers.${layer}.index`, config);
    const topK = config.indexer_budget / tokens;
    const inputs = [rotateFirst(b, query, rotationOf(config)), keys, b.position];
    const blocks = b.node('topRows', inputs, { topK, tokensPerRow: tokens });
    return b.node('blockRows', [blocks, b.position], { tokensPerRow: tokens });
  });
}

/**
 * A key (B,S,1,K) for every block of tokens: the mean of the rows x (B,T,K) of its tokens. Each token
 * makes one as if it ended a block, and those of tokens that do are kept.
 */
function blockKeys(b: GraphBuilder, x: Node, state: string, config: Qwen4ExpConfig): Node {
  const { indexer_compress_ratio: tokens, rms_norm_eps: epsilon } = config;
  const means = tokens === 1 ? x : meansOfLast(b, x, `${state}.raw`, tokens);
  const rows = b.node('splitHeads', [means], { heads: 1 });
  const normal = b.rmsNormalization(rows, 'k_layernorm', epsilon);
  const offset = 1 - tokens; // to the first token of the block
  return b.append(state, rotateFirst(b, normal, rotationOf(config), offset), tokens);
}

/** For each token the mean of its row of x (B,T,K) and those before, `tokens` in all. */
function meansOfLast(b: GraphBuilder, x: Node, state: string, tokens: number): Node {
  const K = lastDim(x.type);
  const shares = b.filled('shares', [K, tokens], 1 / tokens);
  return b.stateful('causalConvolution', state, [tokens - 1, K], [x, shares, b.position], {});
}

function rotationOf({
  rotatedChannels,
  rope_theta,
  rope_scaling,
}: Qwen4ExpConfig): RotaryConstants {
  return rotaryConstants(rotatedChannels, rope_theta, rope_scaling);
}

/**
 * Qwen3-Next and Qwen3.5 (also 3.6 and 3.8): of every few layers most are gated delta rules and one is
 * attention with a gated result; feed-forward dense, or routed experts beside a gated shared one.
 *
 * All norms but the one inside the delta rule are stored around 0. The head that predicts a further token
 * (tensors `mtp.*`) is a graph of its own, with a layer of attention [2]; the tower that sees pictures
 * (`model.visual.*`) is left out.
 *
 * [1] transformers, models/qwen3_next/modeling_qwen3_next.py, models/qwen3_5_moe/modeling_qwen3_5_moe.py
 * [2] vLLM, vllm/model_executor/models/qwen3_next_mtp.py, qwen3_5_mtp.py
 */
import type { Graph, Node } from '../../ir/index.ts';
import { hasExperts } from '../checkpoint/expertFields.ts';
import type {
  Qwen35Config,
  Qwen35MoeConfig,
  Qwen3NextConfig,
} from '../checkpoint/qwenHybridConfig.ts';
import { GraphBuilder, type WeightReader } from './builder.ts';
import { buildDecoder, gatedMlp, residualLayer, type GraphOptions } from './decoder.ts';
import { routedExperts, type ExpertsConfig } from './experts.ts';
import { gatedDeltaNet, type DeltaProjections } from './gatedDeltaNet.ts';
import { attend } from './groupedQuery.ts';
import { buildPredictor } from './multiToken.ts';

/** What the mixers of all these families read. */
export type HybridConfig = Omit<Qwen35Config, 'intermediate_size'>;

/** In what the families differ. */
interface HybridParts {
  readonly name: string;
  readonly projections: (b: GraphBuilder, x: Node, config: HybridConfig) => DeltaProjections;
  readonly feedForward: (b: GraphBuilder, x: Node, layer: number) => Node;
}

export function buildQwen3Next(
  config: Qwen3NextConfig,
  weights: WeightReader,
  options: GraphOptions,
): Graph {
  const { hidden_size: D, intermediate_size: width } = config;
  return buildHybrid(config, weights, options, {
    name: 'qwen3_next',
    projections: fusedProjections,
    feedForward: (b, x, i) =>
      hasExperts(config, i) ? mixtureOfExperts(b, x, config) : gatedMlp(b, x, 'mlp', width, D),
  });
}

/** The head of Qwen3-Next and of Qwen3.5 with experts. */
export function buildRoutedPredictor(
  config: Qwen3NextConfig | Qwen35MoeConfig,
  weights: WeightReader,
  options: GraphOptions,
): Graph {
  return buildHybridPredictor(config, weights, options, (b, x) => mixtureOfExperts(b, x, config));
}

/** The head of Qwen3.5 without experts. */
export function buildDensePredictor(
  config: Qwen35Config,
  weights: WeightReader,
  options: GraphOptions,
): Graph {
  const { hidden_size: D, intermediate_size: width } = config;
  return buildHybridPredictor(config, weights, options, (b, x) => gatedMlp(b, x, 'mlp', width, D));
}

export function buildQwen35(
  config: Qwen35Config,
  weights: WeightReader,
  options: GraphOptions,
): Graph {
  const { hidden_size: D, intermediate_size: width } = config;
  return buildHybrid(config, weights, options, {
    name: 'qwen3_5',
    projections: separateProjections,
    feedForward: (b, x) => gatedMlp(b, x, 'mlp', width, D),
  });
}

export function buildQwen35Moe(
  config: Qwen35MoeConfig,
  weights: WeightReader,
  options: GraphOptions,
): Graph {
  return buildHybrid(config, weights, options, {
    name: 'qwen3_5_moe',
    projections: separateProjections,
    feedForward: (b, x) => mixtureOfExperts(b, x, config),
  });
}

function buildHybrid(
  config: HybridConfig,
  weights: WeightReader,
  options: GraphOptions,
  { name, projections, feedForward }: HybridParts,
): Graph {
  const b = new GraphBuilder(weights, { zeroCentred: true });
  return buildDecoder(b, name, config, options, (x, i) =>
    residualLayer(b, x, config, {
      mixer: (normal) =>
        config.layer_types[i] === 'full_attention'
          ? b.within('self_attn', () => gatedAttention(b, normal, i, config))
          : b.within('linear_attn', () => {
              const projected = projections(b, normal, config);
              return gatedDeltaNet(b, projected, i, config, options);
            }),
      feedForward: (normal) => feedForward(b, normal, i),
    }),
  );
}

/** A head whose one layer has attention and this feed-forward. */
function buildHybridPredictor(
  config: HybridConfig,
  weights: WeightReader,
  options: GraphOptions,
  feedForward: (b: GraphBuilder, normal: Node) => Node,
): Graph {
  const b = new GraphBuilder(weights, { zeroCentred: true });
  const mixer = (normal: Node): Node =>
    b.within('self_attn', () => gatedAttention(b, normal, config.num_hidden_layers, config));
  const parts = { mixer, feedForward: (normal: Node) => feedForward(b, normal) };
  return buildPredictor(b, 'qwen mtp', config, options, {
    inHead: (build) => b.outside('mtp', build),
    names: {
      embedding: 'pre_fc_norm_embedding',
      hidden: 'pre_fc_norm_hidden',
      join: 'fc',
      result: 'norm',
    },
    block: (x) => b.within('layers.0', () => residualLayer(b, x, config, parts)),
  });
}

/**
 * Grouped-query attention, to the rows `chosen` if there is a choice, whose result is multiplied by gates;
 * the rows of q_proj hold, head by head, query and gate.
 */
export function gatedAttention(
  b: GraphBuilder,
  x: Node,
  layer: number,
  config: HybridConfig,
  chosen?: Node,
): Node {
  const { num_attention_heads: H, num_key_value_heads: G, head_dim: K } = config;
  const { hidden_size: D, rms_norm_eps } = config;
  const part = (name: string, start: number): Node => {
    const range = { parts: H, partRows: 2 * K, start, count: K };
    return b.project(x, b.weightRows('q_proj.weight', name, range, [H * K, D]));
  };
  const heads = (rows: Node, count: number): Node => b.node('splitHeads', [rows], { heads: count });
  const query = b.rmsNormalization(heads(part('query', 0), H), 'q_norm', rms_norm_eps);
  const key = b.rmsNormalization(heads(b.linear(x, 'k_proj', G * K), G), 'k_norm', rms_norm_eps);
  const value = heads(b.linear(x, 'v_proj', G * K), G);
  const seen = attend(b, { query, key, value }, layer, config, config.rotatedChannels, chosen);
  const gate = b.node('sigmoid', [part('gate', K)], {});
  const gated = b.node('mul', [b.node('mergeHeads', [seen], {}), gate], {});
  return b.linear(gated, 'o_proj', D);
}

/** Qwen3-Next stores queries, keys, values and gates of each key head together, and so rates and decays. */
function fusedProjections(b: GraphBuilder, x: Node, config: HybridConfig): DeltaProjections {
  const { linear_num_key_heads: G, linear_key_head_dim: K, hidden_size: D } = config;
  const shared = config.linear_num_value_heads / G;
  const V = shared * config.linear_value_head_dim;
  const rows = (
    name: string,
    part: string,
    partRows: number,
    start: number,
    count: number,
  ): Node => {
    const range = { parts: G, partRows, start, count };
    return b.project(x, b.weightRows(`${name}.weight`, part, range, [G * count, D]));
  };
  const qkvz = (part: string, start: number, count: number): Node =>
    rows('in_proj_qkvz', part, 2 * K + 2 * V, start, count);
  const mixed = [qkvz('query', 0, K), qkvz('key', K, K), qkvz('value', 2 * K, V)];
  return {
    mixed: b.node('concat', mixed, {}),
    gate: qkvz('gate', 2 * K + V, V),
    rate: rows('in_proj_ba', 'rate', 2 * shared, 0, shared),
    decay: rows('in_proj_ba', 'decay', 2 * shared, shared, shared),
  };
}

/** Qwen3.5 stores them in four matrices. */
export function separateProjections(
  b: GraphBuilder,
  x: Node,
  config: HybridConfig,
): DeltaProjections {
  const { linear_num_value_heads: H, linear_value_head_dim: V } = config;
  const keys = config.linear_num_key_heads * config.linear_key_head_dim;
  return {
    mixed: b.linear(x, 'in_proj_qkv', 2 * keys + H * V),
    gate: b.linear(x, 'in_proj_z', H * V),
    rate: b.linear(x, 'in_proj_b', H),
    decay: b.linear(x, 'in_proj_a', H),
  };
}

interface MixtureConfig extends ExpertsConfig {
  readonly hidden_size: number;
  readonly shared_expert_intermediate_size: number;
}

/** Routed experts beside one for every token, which has a gate of its own. */
export function mixtureOfExperts(b: GraphBuilder, x: Node, config: MixtureConfig): Node {
  const { shared_expert_intermediate_size: width, hidden_size: D } = config;
  return b.within('mlp', () => {
    const routed = routedExperts(b, x, config);
    const gate = b.node('sigmoid', [b.linear(x, 'shared_expert_gate', 1)], {});
    const shared = b.node('mul', [gatedMlp(b, x, 'shared_expert', width, D), gate], {});
    return b.node('add', [routed, shared], {});
  });
}

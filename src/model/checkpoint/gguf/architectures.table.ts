/**
 * Architectures of GGUF files, and the config.json that the metadata of each stands for.
 *
 * What is absent stays undefined, so that the family's own checks name it. Keys: [1].
 *
 * [1] https://github.com/ggml-org/llama.cpp, gguf-py/gguf/constants.py
 */
import type { JsonRecord } from '../../../base/index.ts';
import type { Weight } from '../weight.ts';
import { fusedKeyHeads, restoreHybridWeight } from './hybridWeights.ts';
import { latentUpProjection } from './latentWeights.ts';
import { shortestDecimal } from './metadata.ts';
import type { ModelMetadata } from './metadata.ts';
import type { Tensors } from './tensors.ts';

export interface GgufArchitecture {
  /** Fields of config.json beyond those that all decoders have. */
  readonly fields: (metadata: ModelMetadata, tensors: Tensors) => JsonRecord;
  /** A weight that the file has in pieces, undefined for any other. */
  readonly compose?: (
    name: string,
    tensors: Tensors,
    metadata: ModelMetadata,
  ) => Weight | undefined;
  /** Undoes what the converter did to the values and the order of a weight. */
  readonly restore?: (name: string, weight: Weight, metadata: ModelMetadata) => Weight;
  /** What the file leaves open that changes the results, if anything. */
  readonly note?: (metadata: ModelMetadata) => string | undefined;
}

/** Of `expert_gating_func`. */
const [SIGMOID, SQRT_SOFTPLUS] = [2, 4];

/** By `general.architecture`. */
export const GGUF_ARCHITECTURES: ReadonlyMap<string, GgufArchitecture> = new Map<
  string,
  GgufArchitecture
>([
  ['qwen2', { fields: (m) => ({ ...named('Qwen2ForCausalLM', 'qwen2'), head_dim: headWidth(m) }) }],
  ['qwen3', { fields: (m) => ({ ...named('Qwen3ForCausalLM', 'qwen3'), head_dim: headWidth(m) }) }],
  [
    'qwen3moe',
    {
      fields: (m, tensors) => ({
        ...named('Qwen3MoeForCausalLM', 'qwen3_moe'),
        head_dim: headWidth(m),
        ...expertFields(m),
        ...denseFields(m, tensors),
      }),
    },
  ],
  [
    'qwen3next',
    {
      fields: (m, tensors) => ({
        ...named('Qwen3NextForCausalLM', 'qwen3_next'),
        ...hybridFields(m),
        ...expertFields(m),
        ...sharedExpertFields(m),
        ...denseFields(m, tensors),
      }),
      compose: fusedKeyHeads,
      restore: restoreHybridWeight,
    },
  ],
  [
    'qwen35',
    {
      fields: (m) => ({ ...named('Qwen3_5ForCausalLM', 'qwen3_5'), ...hybridFields(m) }),
      restore: restoreHybridWeight,
    },
  ],
  [
    'qwen35moe',
    {
      fields: (m) => ({
        ...named('Qwen3_5MoeForCausalLM', 'qwen3_5_moe'),
        ...hybridFields(m),
        ...expertFields(m),
        ...sharedExpertFields(m),
      }),
      restore: restoreHybridWeight,
    },
  ],
  [
    'deepseek2',
    {
      fields: (m) => ({
        ...(m.get('expert_gating_func') === SIGMOID
          ? named('DeepseekV3ForCausalLM', 'deepseek_v3')
          : named('DeepseekV2ForCausalLM', 'deepseek_v2')),
        ...latentFields(m),
      }),
      compose: latentUpProjection,
      note: groupsNote,
    },
  ],
  [
    'deepseek32',
    {
      fields: (m) => ({
        ...named('DeepseekV32ForCausalLM', 'deepseek_v32'),
        ...latentFields(m),
        ...indexerFields(m),
      }),
      compose: latentUpProjection,
      note: groupsNote,
    },
  ],
  [
    'deepseek4',
    {
      fields: (m) => ({
        ...named('DeepseekV4ForCausalLM', 'deepseek_v4'),
        ...compressedFields(m),
        ...indexerFields(m),
      }),
    },
  ],
]);

function named(architecture: string, type: string): JsonRecord {
  return { architectures: [architecture], model_type: type };
}

/** Without a key length, heads share the hidden size. */
function headWidth(m: ModelMetadata): number | undefined {
  const [hidden, heads] = [m.number('embedding_length'), m.number('attention.head_count')];
  const shared = hidden === undefined || heads === undefined ? undefined : hidden / heads;
  return m.number('attention.key_length') ?? shared;
}

function expertFields(m: ModelMetadata): JsonRecord {
  return {
    num_experts: m.get('expert_count'),
    num_experts_per_tok: m.get('expert_used_count'),
    moe_intermediate_size: m.get('expert_feed_forward_length'),
    norm_topk_prob: m.get('expert_weights_norm') ?? true,
  };
}

function sharedExpertFields(m: ModelMetadata): JsonRecord {
  return { shared_expert_intermediate_size: m.get('expert_shared_feed_forward_length') };
}

/** Metadata does not say which layers have no experts: they have no router. */
function denseFields(m: ModelMetadata, tensors: Tensors): JsonRecord {
  const layers = Array.from({ length: m.number('block_count') ?? 0 }, (_, layer) => layer);
  return {
    intermediate_size: m.get('feed_forward_length') ?? m.get('expert_feed_forward_length'),
    decoder_sparse_step: 1,
    mlp_only_layers: layers.filter((layer) => !tensors.has(`blk.${layer}.ffn_gate_inp.weight`)),
  };
}

/** Gated delta rules and, every so many layers, gated attention. */
function hybridFields(m: ModelMetadata): JsonRecord {
  const [width, rotated] = [headWidth(m), m.number('rope.dimension_count')];
  const [inner, heads] = [m.number('ssm.inner_size'), m.number('ssm.time_step_rank')];
  return {
    head_dim: width,
    partial_rotary_factor: width && rotated ? rotated / width : undefined,
    linear_conv_kernel_dim: m.get('ssm.conv_kernel'),
    linear_key_head_dim: m.get('ssm.state_size'),
    linear_num_key_heads: m.get('ssm.group_count'),
    linear_num_value_heads: heads,
    linear_value_head_dim: inner && heads ? inner / heads : undefined,
    full_attention_interval: m.get('full_attention_interval'),
  };
}

/** DeepSeek-V2, V3, R1 and V3.2; the router's function tells V2 apart. */
function latentFields(m: ModelMetadata): JsonRecord {
  const sigmoid = m.get('expert_gating_func') === SIGMOID;
  const groups = m.number('expert_group_count') ?? 1;
  const v2Method = groups > 1 ? 'group_limited_greedy' : 'greedy';
  const rope = m.number('rope.dimension_count');
  const keyWidth = m.number('attention.key_length_mla') ?? m.number('attention.key_length');
  return {
    // Latent attention is stored as if it had one key head, or as many as it has query heads.
    num_key_value_heads: m.get('attention.head_count'),
    q_lora_rank: m.get('attention.q_lora_rank') ?? null,
    kv_lora_rank: m.get('attention.kv_lora_rank'),
    qk_rope_head_dim: rope,
    qk_nope_head_dim: rope === undefined || keyWidth === undefined ? undefined : keyWidth - rope,
    v_head_dim: m.get('attention.value_length_mla') ?? m.get('attention.value_length'),
    first_k_dense_replace: m.get('leading_dense_block_count'),
    ...routedFields(m),
    n_group: groups,
    topk_group: m.number('expert_group_used_count') ?? 1,
    scoring_func: sigmoid ? 'sigmoid' : 'softmax',
    topk_method: sigmoid ? 'noaux_tc' : v2Method,
  };
}

/** Experts of DeepSeek. */
function routedFields(m: ModelMetadata): JsonRecord {
  return {
    moe_intermediate_size: m.get('expert_feed_forward_length'),
    n_routed_experts: m.get('expert_count'),
    n_shared_experts: m.get('expert_shared_count'),
    num_experts_per_tok: m.get('expert_used_count'),
    norm_topk_prob: m.get('expert_weights_norm') ?? false,
    routed_scaling_factor: m.get('expert_weights_scale') ?? 1,
  };
}

function indexerFields(m: ModelMetadata): JsonRecord {
  return {
    index_n_heads: m.get('attention.indexer.head_count'),
    index_head_dim: m.get('attention.indexer.key_length'),
    index_topk: m.get('attention.indexer.top_k'),
  };
}

/** DeepSeek-V4. The limit of the experts stands once for each layer. */
function compressedFields(m: ModelMetadata): JsonRecord {
  const limits = m.get('swiglu_clamp_exp');
  const gating = m.get('expert_gating_func');
  return {
    head_dim: m.get('attention.key_length'),
    q_lora_rank: m.get('attention.q_lora_rank'),
    qk_rope_head_dim: m.get('rope.dimension_count'),
    sliding_window: m.get('attention.sliding_window'),
    compress_ratios: m.get('attention.compress_ratios'),
    compress_rope_theta: m.get('attention.compress_rope_freq_base'),
    o_groups: m.get('attention.output_group_count'),
    o_lora_rank: m.get('attention.output_lora_rank'),
    hc_mult: m.get('hyper_connection.count'),
    hc_sinkhorn_iters: m.get('hyper_connection.sinkhorn_iterations'),
    hc_eps: m.get('hyper_connection.epsilon'),
    num_hash_layers: m.get('hash_layer_count'),
    ...routedFields(m),
    scoring_func: gating === SQRT_SOFTPLUS ? 'sqrtsoftplus' : gating,
    topk_method: 'noaux_tc',
    swiglu_limit: Array.isArray(limits) ? shortestDecimal(Number(limits[0])) : limits,
  };
}

/** Converters before 2025-12 left the groups out; DeepSeek-V3 has 8, of which 4 are kept. */
function groupsNote(m: ModelMetadata): string | undefined {
  return m.get('expert_group_count') === undefined
    ? 'the file does not say in which groups experts are routed: all are one group, as in llama.cpp'
    : undefined;
}

/**
 * Architectures of GGUF files, and the config.json that the metadata of each stands for.
 *
 * What is absent stays undefined, so that the family's own checks name it. Keys: [1].
 *
 * [1] https://github.com/ggml-org/llama.cpp, gguf-py/gguf/constants.py
 */
import type { JsonRecord } from '../../../base/index.ts';
import type { Weight } from '../weight.ts';
import { restoreHybridWeight } from './hybridWeights.ts';
import type { ModelMetadata } from './metadata.ts';

export interface GgufArchitecture {
  /** Fields of config.json beyond those that all decoders have. */
  readonly fields: (metadata: ModelMetadata) => JsonRecord;
  /** Undoes what the converter did to the values and the order of a weight. */
  readonly restore?: (name: string, weight: Weight, metadata: ModelMetadata) => Weight;
  /** What the file leaves open that changes the results, if anything. */
  readonly note?: (metadata: ModelMetadata) => string | undefined;
}

/** Of `expert_gating_func`. */
const SIGMOID = 2;

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
      fields: (m) => ({
        ...named('Qwen3MoeForCausalLM', 'qwen3_moe'),
        head_dim: headWidth(m),
        ...expertFields(m),
        intermediate_size: m.get('feed_forward_length') ?? m.get('expert_feed_forward_length'),
        decoder_sparse_step: 1,
        mlp_only_layers: [],
      }),
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
        shared_expert_intermediate_size: m.get('expert_shared_feed_forward_length'),
      }),
      restore: restoreHybridWeight,
    },
  ],
  ['deepseek2', { fields: deepseekFields, note: groupsNote }],
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

/** DeepSeek-V2, V3 and R1: the router's function tells them apart. */
function deepseekFields(m: ModelMetadata): JsonRecord {
  const sigmoid = m.get('expert_gating_func') === SIGMOID;
  const groups = m.number('expert_group_count') ?? 1;
  const v2Method = groups > 1 ? 'group_limited_greedy' : 'greedy';
  const rope = m.number('rope.dimension_count');
  const keyWidth = m.number('attention.key_length_mla') ?? m.number('attention.key_length');
  return {
    ...(sigmoid
      ? named('DeepseekV3ForCausalLM', 'deepseek_v3')
      : named('DeepseekV2ForCausalLM', 'deepseek_v2')),
    // Latent attention is stored as if it had one key head, or as many as it has query heads.
    num_key_value_heads: m.get('attention.head_count'),
    q_lora_rank: m.get('attention.q_lora_rank') ?? null,
    kv_lora_rank: m.get('attention.kv_lora_rank'),
    qk_rope_head_dim: rope,
    qk_nope_head_dim: rope === undefined || keyWidth === undefined ? undefined : keyWidth - rope,
    v_head_dim: m.get('attention.value_length_mla') ?? m.get('attention.value_length'),
    first_k_dense_replace: m.get('leading_dense_block_count'),
    moe_intermediate_size: m.get('expert_feed_forward_length'),
    n_routed_experts: m.get('expert_count'),
    n_shared_experts: m.get('expert_shared_count'),
    num_experts_per_tok: m.get('expert_used_count'),
    n_group: groups,
    topk_group: m.number('expert_group_used_count') ?? 1,
    norm_topk_prob: m.get('expert_weights_norm') ?? false,
    routed_scaling_factor: m.get('expert_weights_scale') ?? 1,
    scoring_func: sigmoid ? 'sigmoid' : 'softmax',
    topk_method: sigmoid ? 'noaux_tc' : v2Method,
  };
}

/** Converters before 2025-12 left the groups out; DeepSeek-V3 has 8, of which 4 are kept. */
function groupsNote(m: ModelMetadata): string | undefined {
  return m.get('expert_group_count') === undefined
    ? 'the file does not say in which groups experts are routed: all are one group, as in llama.cpp'
    : undefined;
}

/** Metadata of a GGUF file as the config.json of Hugging Face, so that families need not know of it. */
import { UnsupportedError } from '../../../base/index.ts';
import type { JsonRecord } from '../../../base/index.ts';
import { GGUF_ARCHITECTURES } from './architectures.table.ts';
import type { GgufArchitecture } from './architectures.table.ts';
import type { ModelMetadata } from './metadata.ts';
import type { Tensors } from './tensors.ts';

/** Ids of tokens after which a turn or a text ends. */
const END_KEYS = ['eos_token_id', 'eot_token_id'].map((key) => `tokenizer.ggml.${key}`);

/** The row of an architecture. Throws UnsupportedError for one that is not known. */
export function architectureOf({ architecture }: ModelMetadata, where: string): GgufArchitecture {
  const row = GGUF_ARCHITECTURES.get(architecture);
  if (row !== undefined) return row;
  const known = [...GGUF_ARCHITECTURES.keys()].join(', ');
  throw new UnsupportedError(
    `general.architecture must be one of ${known}, not "${architecture}"`,
    {
      where,
      hint: 'use the safetensors of this model, or another model',
    },
  );
}

/** Fields of config.json. Throws UnsupportedError for an architecture that is not known. */
export function configOfGguf(m: ModelMetadata, tensors: Tensors, where: string): JsonRecord {
  const ends = END_KEYS.map((key) => m.all.get(key)).filter((id) => id !== undefined);
  return {
    hidden_size: m.get('embedding_length'),
    intermediate_size: m.get('feed_forward_length'),
    num_hidden_layers: layersOf(m, tensors),
    num_attention_heads: m.get('attention.head_count'),
    num_key_value_heads: m.get('attention.head_count_kv') ?? m.get('attention.head_count'),
    max_position_embeddings: m.get('context_length'),
    vocab_size: tensors.get('token_embd.weight')?.shape[0],
    rms_norm_eps: m.get('attention.layer_norm_rms_epsilon'),
    rope_theta: m.get('rope.freq_base') ?? 10_000,
    rope_scaling: scalingOf(m),
    tie_word_embeddings: !tensors.has('output.weight'),
    bos_token_id: m.all.get('tokenizer.ggml.bos_token_id') ?? null,
    eos_token_id: [...new Set(ends)],
    ...architectureOf(m, where).fields(m, tensors),
  };
}

/** The layers that are no drafts; some converters count drafts in the metadata, but leave them out. */
function layersOf(m: ModelMetadata, tensors: Tensors): number | undefined {
  const [blocks, drafts] = [m.number('block_count'), m.number('nextn_predict_layers') ?? 0];
  if (blocks === undefined) return undefined;
  return tensors.has(`blk.${blocks - drafts}.nextn.eh_proj.weight`) ? blocks - drafts : blocks;
}

/**
 * Stretched rotation. DeepSeek's files hold 0.1 · mscale_all_dim as the multiplier of the logarithm, and
 * no mscale, which is the same in every published model.
 */
function scalingOf(m: ModelMetadata): JsonRecord | null {
  const kind = m.get('rope.scaling.type') ?? 'none';
  if (kind === 'none') return null;
  const multiplier = m.number('rope.scaling.yarn_log_multiplier');
  const factor = m.number('rope.scaling.attn_factor') ?? 1;
  const mscale = multiplier === undefined ? undefined : Number((multiplier * 10).toPrecision(7));
  return {
    rope_type: kind,
    factor: m.get('rope.scaling.factor'),
    original_max_position_embeddings: m.get('rope.scaling.original_context_length'),
    ...given('beta_fast', m.number('rope.scaling.yarn_beta_fast')),
    ...given('beta_slow', m.number('rope.scaling.yarn_beta_slow')),
    ...given('mscale', mscale),
    ...given('mscale_all_dim', mscale),
    ...(factor === 1 ? {} : { attention_factor: factor }),
  };
}

function given(field: string, value: number | undefined): JsonRecord {
  return value === undefined ? {} : { [field]: value };
}

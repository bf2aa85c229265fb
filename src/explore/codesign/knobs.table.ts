/**
 * What a model team can change before it trains: names of ours for the fields of the families' configurations, and
 * how good its head that drafts is.
 */

export interface Knob {
  readonly what: string;
  /** Groups of fields that mean it, in one family or another; all fields of the first group that is there are set. */
  readonly fields: readonly (readonly string[])[];
  /** Of a list by layer: the largest entry is what the knob turns, wherever it stands. */
  readonly largestOfLayers?: boolean;
  /** No field has it: a share from 0 to 1 of models with a head that drafts. */
  readonly ofDrafts?: boolean;
}

export const KNOBS = {
  queryHeads: { what: 'query heads', fields: [['num_attention_heads']] },
  keyHeads: { what: 'key and value heads', fields: [['num_key_value_heads']] },
  headWidth: {
    what: 'channels of a head',
    fields: [['qk_nope_head_dim', 'v_head_dim'], ['head_dim']],
  },
  latentWidth: { what: 'channels of the latent of keys and values', fields: [['kv_lora_rank']] },
  width: { what: 'channels of the dense feed-forward layers', fields: [['intermediate_size']] },
  experts: { what: 'routed experts', fields: [['n_routed_experts'], ['num_experts']] },
  expertsPerToken: { what: 'experts of a token', fields: [['num_experts_per_tok']] },
  expertWidth: { what: 'channels of an expert', fields: [['moe_intermediate_size']] },
  window: { what: 'tokens of the sliding window', fields: [['sliding_window']] },
  chosenRows: { what: 'rows of context that a token attends to', fields: [['index_topk']] },
  compressionRatio: {
    what: 'tokens of an entry in the layers that compress most',
    fields: [['compress_ratios']],
    largestOfLayers: true,
  },
  acceptance: {
    what: 'share of the drafts of its own head that are right',
    fields: [],
    ofDrafts: true,
  },
} as const satisfies Readonly<Record<string, Knob>>;

export type KnobName = keyof typeof KNOBS;

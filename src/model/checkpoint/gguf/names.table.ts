/**
 * Names of weights: of Hugging Face, as the families use them, and of GGUF [1].
 *
 * Within a layer, `model.layers.N.` and `blk.N.`, modules are renamed; `.weight` and `.bias` stay. Experts
 * are stacked: `mlp.experts.E.up_proj` is slice E of `ffn_up_exps`. DeepSeek-V4 has its makers' names, without `model.`.
 *
 * [1] https://github.com/ggml-org/llama.cpp, gguf-py/gguf/tensor_mapping.py
 */

/** Weights outside the layers. */
export const ROOT_NAMES: ReadonlyMap<string, string> = new Map([
  ['model.embed_tokens.weight', 'token_embd.weight'],
  ['model.norm.weight', 'output_norm.weight'],
  ['lm_head.weight', 'output.weight'],
  ['embed.weight', 'token_embd.weight'],
  ['norm.weight', 'output_norm.weight'],
  ['head.weight', 'output.weight'],
  ['hc_head_fn', 'output_hc_fn.weight'],
  ['hc_head_base', 'output_hc_base.weight'],
  ['hc_head_scale', 'output_hc_scale.weight'],
]);

/** Modules of a layer. */
export const LAYER_NAMES: ReadonlyMap<string, string> = new Map([
  ['input_layernorm', 'attn_norm'],
  ['self_attn.q_proj', 'attn_q'],
  ['self_attn.k_proj', 'attn_k'],
  ['self_attn.v_proj', 'attn_v'],
  ['self_attn.o_proj', 'attn_output'],
  ['self_attn.q_norm', 'attn_q_norm'],
  ['self_attn.k_norm', 'attn_k_norm'],
  ['self_attn.q_a_proj', 'attn_q_a'],
  ['self_attn.q_a_layernorm', 'attn_q_a_norm'],
  ['self_attn.q_b_proj', 'attn_q_b'],
  ['self_attn.kv_a_proj_with_mqa', 'attn_kv_a_mqa'],
  ['self_attn.kv_a_layernorm', 'attn_kv_a_norm'],
  ['self_attn.kv_b_proj', 'attn_kv_b'],
  ['post_attention_layernorm', 'ffn_norm'],
  ['mlp.gate_proj', 'ffn_gate'],
  ['mlp.up_proj', 'ffn_up'],
  ['mlp.down_proj', 'ffn_down'],
  ['mlp.gate', 'ffn_gate_inp'],
  ['mlp.shared_experts.gate_proj', 'ffn_gate_shexp'],
  ['mlp.shared_experts.up_proj', 'ffn_up_shexp'],
  ['mlp.shared_experts.down_proj', 'ffn_down_shexp'],
  ['mlp.shared_expert.gate_proj', 'ffn_gate_shexp'],
  ['mlp.shared_expert.up_proj', 'ffn_up_shexp'],
  ['mlp.shared_expert.down_proj', 'ffn_down_shexp'],
  ['mlp.shared_expert_gate', 'ffn_gate_inp_shexp'],
  ['linear_attn.in_proj_qkv', 'attn_qkv'],
  ['linear_attn.in_proj_z', 'attn_gate'],
  ['linear_attn.in_proj_a', 'ssm_alpha'],
  ['linear_attn.in_proj_b', 'ssm_beta'],
  ['linear_attn.conv1d', 'ssm_conv1d'],
  ['linear_attn.norm', 'ssm_norm'],
  ['linear_attn.out_proj', 'ssm_out'],
  ['mlp.experts.*.gate_proj', 'ffn_gate_exps'],
  ['mlp.experts.*.up_proj', 'ffn_up_exps'],
  ['mlp.experts.*.down_proj', 'ffn_down_exps'],
  ['linear_attn.in_proj_qkvz', 'ssm_in'],
  ['linear_attn.in_proj_ba', 'ssm_ba'],
  ['self_attn.indexer.wq_b', 'indexer.attn_q_b'],
  ['self_attn.indexer.wk', 'indexer.attn_k'],
  ['self_attn.indexer.k_norm', 'indexer.k_norm'],
  ['self_attn.indexer.weights_proj', 'indexer.proj'],
  ['attn_norm', 'attn_norm'],
  ['attn.wq_a', 'attn_q_a'],
  ['attn.q_norm', 'attn_q_a_norm'],
  ['attn.wq_b', 'attn_q_b'],
  ['attn.wkv', 'attn_kv'],
  ['attn.kv_norm', 'attn_kv_a_norm'],
  ['attn.wo_a', 'attn_output_a'],
  ['attn.wo_b', 'attn_output_b'],
  ['attn.compressor.wkv', 'attn_compressor_kv'],
  ['attn.compressor.wgate', 'attn_compressor_gate'],
  ['attn.compressor.norm', 'attn_compressor_norm'],
  ['attn.indexer.wq_b', 'indexer.attn_q_b'],
  ['attn.indexer.weights_proj', 'indexer.proj'],
  ['attn.indexer.compressor.wkv', 'indexer_compressor_kv'],
  ['attn.indexer.compressor.wgate', 'indexer_compressor_gate'],
  ['attn.indexer.compressor.norm', 'indexer_compressor_norm'],
  ['ffn_norm', 'ffn_norm'],
  ['ffn.gate', 'ffn_gate_inp'],
  ['ffn.shared_experts.w1', 'ffn_gate_shexp'],
  ['ffn.shared_experts.w3', 'ffn_up_shexp'],
  ['ffn.shared_experts.w2', 'ffn_down_shexp'],
  ['ffn.experts.*.w1', 'ffn_gate_exps'],
  ['ffn.experts.*.w3', 'ffn_up_exps'],
  ['ffn.experts.*.w2', 'ffn_down_exps'],
]);

/** Weights of a layer whose last part changes too. */
export const LAYER_WEIGHTS: ReadonlyMap<string, string> = new Map([
  ['mlp.gate.e_score_correction_bias', 'exp_probs_b.bias'],
  ['linear_attn.A_log', 'ssm_a'],
  ['linear_attn.dt_bias', 'ssm_dt.bias'],
  ['attn.attn_sink', 'attn_sinks.weight'],
  ['attn.compressor.ape', 'attn_compressor_ape.weight'],
  ['attn.indexer.compressor.ape', 'indexer_compressor_ape.weight'],
  ['ffn.gate.bias', 'exp_probs_b.bias'],
  ['ffn.gate.tid2eid', 'ffn_gate_tid2eid.weight'],
  ...['attn', 'ffn'].flatMap((layer) =>
    ['fn', 'base', 'scale'].map(
      (part) => [`hc_${layer}_${part}`, `hc_${layer}_${part}.weight`] as const,
    ),
  ),
]);

/** Of the architectures whose name for a module is another one. */
export const OTHER_LAYER_NAMES: ReadonlyMap<string, ReadonlyMap<string, string>> = new Map(
  ['qwen3next', 'qwen35', 'qwen35moe'].map((architecture) => [
    architecture,
    new Map([['post_attention_layernorm', 'post_attention_norm']]),
  ]),
);

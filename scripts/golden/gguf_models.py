"""Makes test/formats/ARCHITECTURE.gguf of models of test/golden/, as llama.cpp's converter does.

  python scripts/golden/gguf_models.py        needs torch, safetensors and gguf

Names of tensors come from the package's own map, and entries of metadata from its writer. Version 0.19.0 has neither
DeepSeek-V3.2 nor V4: V3.2 has the tensors of GLM's sparse attention, which it knows, and what is V4's own is
below, from the converter and the loader (conversion/deepseek.py, src/models/deepseek4.cpp). Matrices are BF16.
"""

import json
from pathlib import Path

import gguf
import numpy
from gguf.quants import quantize
from safetensors.torch import load_file

from gguf_conversion import delta_rules, part_keys, split_latent, stack_experts, tile_values

ROOT = Path(__file__).resolve().parents[2] / 'test'
BF16 = gguf.GGMLQuantizationType.BF16
SQRT_SOFTPLUS = 4  # of expert_gating_func
EOS = 7


def load(name):
    folder = ROOT / 'golden' / name
    tensors = {}
    for file in sorted(folder.glob('*.safetensors')):
        tensors.update(load_file(file))
    return json.loads((folder / 'config.json').read_text()), {n: numbers(t) for n, t in tensors.items()}


def numbers(tensor):
    return tensor.float().numpy() if tensor.is_floating_point() else tensor.numpy().astype(numpy.int32)


def rotary_of(config):
    """Fields of the rotation, wherever the configuration has them."""
    if 'rope_parameters' in config:
        return config['rope_parameters']
    scaling = config['rope_scaling']
    return {**scaling, 'rope_theta': config['rope_theta'], 'rope_type': scaling['type']}


def describe_decoder(writer, config, rope):
    writer.add_context_length(config['max_position_embeddings'])
    writer.add_embedding_length(config['hidden_size'])
    writer.add_block_count(config['num_hidden_layers'])
    if 'intermediate_size' in config:
        writer.add_feed_forward_length(config['intermediate_size'])
    writer.add_head_count(config['num_attention_heads'])
    writer.add_layer_norm_rms_eps(config['rms_norm_eps'])
    writer.add_rope_freq_base(rope['rope_theta'])
    if rope['rope_type'] == 'yarn':
        writer.add_rope_scaling_type(gguf.RopeScalingType.YARN)
        writer.add_rope_scaling_factor(rope['factor'])
        writer.add_rope_scaling_orig_ctx_len(rope['original_max_position_embeddings'])
        for side in ('beta_fast', 'beta_slow'):
            if side in rope:
                getattr(writer, f'add_rope_scaling_yarn_{side}')(rope[side])
    writer.add_eos_token_id(EOS)


def describe_heads(writer, config, _rope):
    writer.add_head_count_kv(config['num_key_value_heads'])
    if 'head_dim' in config:
        writer.add_key_length(config['head_dim'])
        writer.add_value_length(config['head_dim'])


def describe_experts(writer, config, _rope):
    writer.add_expert_count(config.get('num_experts', config.get('num_local_experts')))
    writer.add_expert_used_count(config['num_experts_per_tok'])
    writer.add_expert_feed_forward_length(config['moe_intermediate_size'])
    if 'shared_expert_intermediate_size' in config:
        writer.add_expert_shared_feed_forward_length(config['shared_expert_intermediate_size'])


def describe_delta_rules(writer, config, rope):
    writer.add_ssm_conv_kernel(config['linear_conv_kernel_dim'])
    writer.add_ssm_state_size(config['linear_key_head_dim'])
    writer.add_ssm_group_count(config['linear_num_key_heads'])
    writer.add_ssm_time_step_rank(config['linear_num_value_heads'])
    writer.add_ssm_inner_size(config['linear_value_head_dim'] * config['linear_num_value_heads'])
    writer.add_full_attention_interval(config['layer_types'].index('full_attention') + 1)
    writer.add_rope_dimension_count(int(config['head_dim'] * rope['partial_rotary_factor']))


def describe_latent(writer, config, rope):
    writer.add_head_count_kv(1)
    writer.add_leading_dense_block_count(config['first_k_dense_replace'])
    if config['q_lora_rank'] is not None:
        writer.add_q_lora_rank(config['q_lora_rank'])
    writer.add_kv_lora_rank(config['kv_lora_rank'])
    writer.add_key_length(config['kv_lora_rank'] + config['qk_rope_head_dim'])
    writer.add_value_length(config['kv_lora_rank'])
    writer.add_key_length_mla(config['qk_nope_head_dim'] + config['qk_rope_head_dim'])
    writer.add_value_length_mla(config['v_head_dim'])
    if 'mscale_all_dim' in rope:
        writer.add_rope_scaling_yarn_log_mul(0.1 * rope['mscale_all_dim'])


def describe_routing(writer, config, _rope):
    """Experts of DeepSeek."""
    writer.add_vocab_size(config['vocab_size'])
    writer.add_expert_feed_forward_length(config['moe_intermediate_size'])
    writer.add_expert_count(config['n_routed_experts'])
    writer.add_expert_used_count(config['num_experts_per_tok'])
    writer.add_expert_shared_count(config['n_shared_experts'])
    writer.add_expert_weights_scale(config['routed_scaling_factor'])
    writer.add_rope_dimension_count(config['qk_rope_head_dim'])
    if config.get('norm_topk_prob'):
        writer.add_expert_weights_norm(True)


def describe_groups(writer, config, _rope):
    writer.add_expert_group_count(config['n_group'])
    writer.add_expert_group_used_count(config['topk_group'])
    softmax = config['model_type'] == 'deepseek_v2'
    writer.add_expert_gating_func(gguf.ExpertGatingFuncType.SOFTMAX if softmax else gguf.ExpertGatingFuncType.SIGMOID)


def describe_indexer(writer, config, _rope):
    writer.add_indexer_head_count(config['index_n_heads'])
    writer.add_indexer_key_length(config['index_head_dim'])
    writer.add_indexer_top_k(config['index_topk'])


def describe_compression(writer, config, _rope):
    """What is V4's own; a ratio more than layers is that of a draft layer."""
    prefix, layers = writer.arch, config['num_hidden_layers']
    writer.add_q_lora_rank(config['q_lora_rank'])
    writer.add_sliding_window(config['sliding_window'])
    writer.add_uint32(f'{prefix}.expert_gating_func', SQRT_SOFTPLUS)
    integers = {
        'attention.output_lora_rank': 'o_lora_rank',
        'attention.output_group_count': 'o_groups',
        'hash_layer_count': 'num_hash_layers',
        'hyper_connection.count': 'hc_mult',
        'hyper_connection.sinkhorn_iterations': 'hc_sinkhorn_iters',
    }
    for key, field in integers.items():
        writer.add_uint32(f'{prefix}.{key}', config[field])
    writer.add_array(f'{prefix}.attention.compress_ratios', config['compress_ratios'])
    writer.add_float32(f'{prefix}.attention.compress_rope_freq_base', config['compress_rope_theta'])
    writer.add_float32(f'{prefix}.hyper_connection.epsilon', config['hc_eps'])
    writer.add_array(f'{prefix}.swiglu_clamp_exp', [config['swiglu_limit']] * layers)


ARCH = gguf.MODEL_ARCH
V4_ROOT = {'embed': 'token_embd', 'norm': 'output_norm', 'head': 'output'}
V4_MODULES = {
    'attn.attn_sink': 'attn_sinks',
    'attn.wq_a': 'attn_q_a',
    'attn.wq_b': 'attn_q_b',
    'attn.q_norm': 'attn_q_a_norm',
    'attn.wkv': 'attn_kv',
    'attn.kv_norm': 'attn_kv_a_norm',
    'attn.wo_a': 'attn_output_a',
    'attn.wo_b': 'attn_output_b',
    'attn.compressor.ape': 'attn_compressor_ape',
    'attn.compressor.wkv': 'attn_compressor_kv',
    'attn.compressor.wgate': 'attn_compressor_gate',
    'attn.compressor.norm': 'attn_compressor_norm',
    'attn.indexer.wq_b': 'indexer.attn_q_b',
    'attn.indexer.weights_proj': 'indexer.proj',
    'attn.indexer.compressor.ape': 'indexer_compressor_ape',
    'attn.indexer.compressor.wkv': 'indexer_compressor_kv',
    'attn.indexer.compressor.wgate': 'indexer_compressor_gate',
    'attn.indexer.compressor.norm': 'indexer_compressor_norm',
    'ffn.shared_experts.w1': 'ffn_gate_shexp',
    'ffn.shared_experts.w3': 'ffn_up_shexp',
    'ffn.shared_experts.w2': 'ffn_down_shexp',
    'ffn.gate': 'ffn_gate_inp',
    'ffn.gate.tid2eid': 'ffn_gate_tid2eid',
    'ffn.experts.w1': 'ffn_gate_exps',
    'ffn.experts.w3': 'ffn_up_exps',
    'ffn.experts.w2': 'ffn_down_exps',
}


def v4_name(name):
    """Norms and hyper-connections keep their names; what ends in no word of its own gets `.weight`."""
    if name.endswith('ffn.gate.bias'):
        return name.replace('layers.', 'blk.').replace('ffn.gate', 'exp_probs_b')
    module = name.removesuffix('.weight')
    if not module.startswith('layers.'):
        return V4_ROOT.get(module, module.replace('hc_head', 'output_hc')) + '.weight'
    _, layer, own = module.split('.', 2)
    return f'blk.{layer}.{V4_MODULES.get(own, own)}.weight'


def mapped_name(arch, layers):
    """By the package's map; that of Qwen3-Next lacks the dense layers that no published one has."""
    names, dense = gguf.get_tensor_name_map(arch, layers), gguf.get_tensor_name_map(ARCH.QWEN3, layers)

    def name_of(name):
        if name.endswith('e_score_correction_bias'):
            return names.get_name(name.replace('e_score_correction_bias', 'e_score_correction')) + '.bias'
        name, suffixes = name.replace('.dt_bias', '.dt_proj.bias'), ('.weight', '.bias')
        return names.get_name(name, suffixes) or dense.get_name(name, suffixes)

    return name_of


def write(architecture, golden, names, describe, convert):
    config, tensors = load(golden)
    for change in convert:
        change(config, tensors)
    writer = gguf.GGUFWriter(ROOT / 'formats' / f'{architecture}.gguf', architecture.split('-')[0])
    rope = rotary_of(config)
    for part in [describe_decoder, *describe]:
        part(writer, config, rope)
    name_of = v4_name if names is None else mapped_name(names, config['num_hidden_layers'])
    for name, data in tensors.items():
        written = name_of(name)
        assert written, name
        data = numpy.ascontiguousarray(data)
        if data.ndim > 1 and data.dtype == numpy.float32:
            writer.add_tensor(written, quantize(data, BF16), raw_dtype=BF16)
        else:
            writer.add_tensor(written, data)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


ROUTED = [describe_latent, describe_routing, describe_groups]
LATENT = [stack_experts, split_latent]
HYBRID = [describe_heads, describe_delta_rules]
MODELS = [
    # architecture and what else the file is called, model, whose names, metadata, conversion
    ('qwen2', 'qwen2-tied', ARCH.QWEN2, [describe_heads], []),
    ('qwen3', 'qwen3-yarn', ARCH.QWEN3, [describe_heads], []),
    ('qwen3moe', 'qwen3-moe', ARCH.QWEN3MOE, [describe_heads, describe_experts], [stack_experts]),
    ('qwen3next', 'qwen3-next', ARCH.QWEN3NEXT, [*HYBRID, describe_experts], [stack_experts, delta_rules, part_keys]),
    ('qwen35', 'qwen3.5', ARCH.QWEN35, HYBRID, [delta_rules, tile_values]),
    ('qwen35moe', 'qwen3.5-moe', ARCH.QWEN35MOE, [*HYBRID, describe_experts], [stack_experts, delta_rules, tile_values]),
    ('deepseek2-v2', 'deepseek-v2-lite', ARCH.DEEPSEEK2, ROUTED, LATENT),
    ('deepseek2', 'deepseek-v3-one-group', ARCH.DEEPSEEK2, ROUTED, LATENT),
    ('deepseek32', 'deepseek-v3.2-sparse', ARCH.GLM_DSA, [*ROUTED, describe_indexer], LATENT),
    (
        'deepseek4',
        'deepseek-v4-compressed',
        None,
        [describe_heads, describe_routing, describe_indexer, describe_compression],
        [stack_experts],
    ),
]


if __name__ == '__main__':
    for model in MODELS:
        write(*model)

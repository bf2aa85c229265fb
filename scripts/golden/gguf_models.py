"""Makes test/formats/{qwen3,deepseek2}.gguf of two models of test/golden/, as llama.cpp's converter does.

  python scripts/golden/gguf_models.py        needs torch, safetensors and gguf

Names of tensors come from the package's own map, and entries of metadata from its writer; what the
converter does to tensors (stacked experts, the split up-projection of latent attention) is written out.
"""

import json
from pathlib import Path

import gguf
import numpy
from gguf.quants import quantize
from safetensors.torch import load_file

ROOT = Path(__file__).resolve().parents[2] / 'test'
BF16 = gguf.GGMLQuantizationType.BF16
PROJECTIONS = ('gate_proj', 'up_proj', 'down_proj')


def load(name):
    folder = ROOT / 'golden' / name
    tensors = {}
    for file in sorted(folder.glob('*.safetensors')):
        tensors.update(load_file(file))
    return json.loads((folder / 'config.json').read_text()), {n: t.float().numpy() for n, t in tensors.items()}


def stack_experts(config, tensors):
    for layer in range(config['num_hidden_layers']):
        for projection in PROJECTIONS:
            prefix = f'model.layers.{layer}.mlp.experts'
            own = [tensors.pop(f'{prefix}.{e}.{projection}.weight', None) for e in range(config['n_routed_experts'])]
            if own[0] is not None:
                tensors[f'{prefix}.{projection}.weight'] = numpy.stack(own)


def split_latent(config, tensors):
    heads, nope, v = config['num_attention_heads'], config['qk_nope_head_dim'], config['v_head_dim']
    for name in [name for name in tensors if name.endswith('kv_b_proj.weight')]:
        both = tensors.pop(name).reshape(heads, nope + v, -1)
        tensors[name.replace('kv_b_proj', 'k_b_proj')] = both[:, :nope].transpose(0, 2, 1)
        tensors[name.replace('kv_b_proj', 'v_b_proj')] = both[:, nope:]


def write(arch, config, tensors, file, describe):
    writer = gguf.GGUFWriter(ROOT / 'formats' / file, gguf.MODEL_ARCH_NAMES[arch])
    rope = config['rope_parameters']
    writer.add_context_length(config['max_position_embeddings'])
    writer.add_embedding_length(config['hidden_size'])
    writer.add_block_count(config['num_hidden_layers'])
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
    describe(writer, config, rope)
    writer.add_eos_token_id(7)
    names = gguf.get_tensor_name_map(arch, config['num_hidden_layers'])
    for name, data in tensors.items():
        written = names.get_name(name, try_suffixes=('.weight', '.bias'))
        if name.endswith('e_score_correction_bias'):
            written = names.get_name(name.replace('e_score_correction_bias', 'e_score_correction')) + '.bias'
        assert written, name
        data = numpy.ascontiguousarray(data)
        if data.ndim > 1:
            writer.add_tensor(written, quantize(data, BF16), raw_dtype=BF16)
        else:
            writer.add_tensor(written, data)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def describe_qwen3(writer, config, _rope):
    writer.add_head_count_kv(config['num_key_value_heads'])
    writer.add_key_length(config['head_dim'])
    writer.add_value_length(config['head_dim'])


def describe_deepseek2(writer, config, rope):
    writer.add_head_count_kv(1)
    writer.add_vocab_size(config['vocab_size'])
    writer.add_leading_dense_block_count(config['first_k_dense_replace'])
    writer.add_q_lora_rank(config['q_lora_rank'])
    writer.add_kv_lora_rank(config['kv_lora_rank'])
    writer.add_key_length(config['kv_lora_rank'] + config['qk_rope_head_dim'])
    writer.add_value_length(config['kv_lora_rank'])
    writer.add_key_length_mla(config['qk_nope_head_dim'] + config['qk_rope_head_dim'])
    writer.add_value_length_mla(config['v_head_dim'])
    writer.add_expert_feed_forward_length(config['moe_intermediate_size'])
    writer.add_expert_count(config['n_routed_experts'])
    writer.add_expert_used_count(config['num_experts_per_tok'])
    writer.add_expert_shared_count(config['n_shared_experts'])
    writer.add_expert_group_count(config['n_group'])
    writer.add_expert_group_used_count(config['topk_group'])
    writer.add_expert_weights_scale(config['routed_scaling_factor'])
    writer.add_expert_weights_norm(config['norm_topk_prob'])
    writer.add_expert_gating_func(gguf.ExpertGatingFuncType.SIGMOID)
    writer.add_rope_dimension_count(config['qk_rope_head_dim'])
    if 'mscale_all_dim' in rope:
        writer.add_rope_scaling_yarn_log_mul(0.1 * rope['mscale_all_dim'])


def main():
    config, tensors = load('qwen3-yarn')
    write(gguf.MODEL_ARCH.QWEN3, config, tensors, 'qwen3.gguf', describe_qwen3)
    config, tensors = load('deepseek-v3-one-group')
    stack_experts(config, tensors)
    split_latent(config, tensors)
    write(gguf.MODEL_ARCH.DEEPSEEK2, config, tensors, 'deepseek2.gguf', describe_deepseek2)


if __name__ == '__main__':
    main()

"""Makes test/formats/qwen35moe.gguf: random weights of two layers, converted as llama.cpp does, and as they were.

  python scripts/golden/gguf_hybrid.py        needs numpy and gguf

The conversion of conversion/qwen.py is written out in numpy: value heads from grouped by key head to tiled, norms
with 1 added, -exp of A_log, experts stacked. The originals are in the file as `hf.NAME`.
"""

from pathlib import Path

import gguf
import numpy

OUT = Path(__file__).resolve().parents[2] / 'test' / 'formats' / 'qwen35moe.gguf'
ARCH = gguf.MODEL_ARCH.QWEN35MOE
HIDDEN, EXPERTS, EXPERT_WIDTH, TAPS = 16, 3, 8, 4
KEY_HEADS, VALUE_HEADS, KEY_WIDTH, VALUE_WIDTH = 2, 6, 4, 5
HEADS, KV_HEADS, HEAD_WIDTH = 4, 2, 8
KEYS, VALUES = KEY_HEADS * KEY_WIDTH, VALUE_HEADS * VALUE_WIDTH


def random(*shape):
    return numpy.random.randn(*shape).astype(numpy.float32)


def delta_layer(prefix):
    return {
        f'{prefix}.in_proj_qkv.weight': random(2 * KEYS + VALUES, HIDDEN),
        f'{prefix}.in_proj_z.weight': random(VALUES, HIDDEN),
        f'{prefix}.in_proj_a.weight': random(VALUE_HEADS, HIDDEN),
        f'{prefix}.in_proj_b.weight': random(VALUE_HEADS, HIDDEN),
        f'{prefix}.conv1d.weight': random(2 * KEYS + VALUES, 1, TAPS),
        f'{prefix}.A_log': random(VALUE_HEADS),
        f'{prefix}.dt_bias': random(VALUE_HEADS),
        f'{prefix}.norm.weight': random(VALUE_WIDTH),
        f'{prefix}.out_proj.weight': random(HIDDEN, VALUES),
    }


def attention_layer(prefix):
    return {
        f'{prefix}.q_proj.weight': random(2 * HEADS * HEAD_WIDTH, HIDDEN),
        f'{prefix}.k_proj.weight': random(KV_HEADS * HEAD_WIDTH, HIDDEN),
        f'{prefix}.v_proj.weight': random(KV_HEADS * HEAD_WIDTH, HIDDEN),
        f'{prefix}.o_proj.weight': random(HIDDEN, HEADS * HEAD_WIDTH),
        f'{prefix}.q_norm.weight': random(HEAD_WIDTH),
        f'{prefix}.k_norm.weight': random(HEAD_WIDTH),
    }


def mixture(prefix):
    tensors = {f'{prefix}.gate.weight': random(EXPERTS, HIDDEN), f'{prefix}.shared_expert_gate.weight': random(1, HIDDEN)}
    for module in ['shared_expert', *(f'experts.{e}' for e in range(EXPERTS))]:
        tensors[f'{prefix}.{module}.gate_proj.weight'] = random(EXPERT_WIDTH, HIDDEN)
        tensors[f'{prefix}.{module}.up_proj.weight'] = random(EXPERT_WIDTH, HIDDEN)
        tensors[f'{prefix}.{module}.down_proj.weight'] = random(HIDDEN, EXPERT_WIDTH)
    return tensors


def original():
    tensors = {'model.embed_tokens.weight': random(20, HIDDEN), 'model.norm.weight': random(HIDDEN)}
    for layer in range(2):
        prefix = f'model.layers.{layer}'
        tensors[f'{prefix}.input_layernorm.weight'] = random(HIDDEN)
        tensors[f'{prefix}.post_attention_layernorm.weight'] = random(HIDDEN)
        tensors.update(attention_layer(f'{prefix}.self_attn') if layer else delta_layer(f'{prefix}.linear_attn'))
        tensors.update(mixture(f'{prefix}.mlp'))
    return tensors


def tile(data, axis, width):
    """Heads [keys, values of each, width] to [values of each, keys, width]."""
    shape = data.shape
    grouped = data.reshape(*shape[:axis], KEY_HEADS, VALUE_HEADS // KEY_HEADS, width, *shape[axis + 1 :])
    return grouped.swapaxes(axis, axis + 1).reshape(shape)


def tile_values(data):
    return numpy.concatenate([data[: 2 * KEYS], tile(data[2 * KEYS :], 0, VALUE_WIDTH)])


def convert(name, data):
    if name.endswith('norm.weight') and not name.endswith('linear_attn.norm.weight'):
        return data + numpy.float32(1)
    module = name.partition('.linear_attn.')[2].partition('.')[0]
    return {
        'A_log': lambda: -numpy.exp(tile(data, 0, 1)),
        'dt_bias': lambda: tile(data, 0, 1),
        'in_proj_a': lambda: tile(data, 0, 1),
        'in_proj_b': lambda: tile(data, 0, 1),
        'in_proj_z': lambda: tile(data, 0, VALUE_WIDTH),
        'in_proj_qkv': lambda: tile_values(data),
        'conv1d': lambda: tile_values(data.squeeze(1)),
        'out_proj': lambda: tile(data, 1, VALUE_WIDTH),
    }.get(module, lambda: data)()


def stacked(tensors):
    """Experts of a layer in one tensor."""
    result = {}
    for name, data in tensors.items():
        if '.experts.' not in name:
            result[name] = data
        elif '.experts.0.' in name:
            own = [tensors[name.replace('.experts.0.', f'.experts.{e}.')] for e in range(EXPERTS)]
            result[name.replace('.experts.0.', '.experts.')] = numpy.stack(own)
    return result


def describe(writer):
    writer.add_context_length(64)
    writer.add_embedding_length(HIDDEN)
    writer.add_block_count(2)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_key_length(HEAD_WIDTH)
    writer.add_value_length(HEAD_WIDTH)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(1e7)
    writer.add_rope_dimension_count(HEAD_WIDTH // 4)
    writer.add_expert_count(EXPERTS)
    writer.add_expert_used_count(2)
    writer.add_expert_feed_forward_length(EXPERT_WIDTH)
    writer.add_expert_shared_feed_forward_length(EXPERT_WIDTH)
    writer.add_ssm_conv_kernel(TAPS)
    writer.add_ssm_state_size(KEY_WIDTH)
    writer.add_ssm_group_count(KEY_HEADS)
    writer.add_ssm_time_step_rank(VALUE_HEADS)
    writer.add_ssm_inner_size(VALUES)
    writer.add_full_attention_interval(2)


def main():
    numpy.random.seed(1)
    tensors = original()
    writer = gguf.GGUFWriter(OUT, gguf.MODEL_ARCH_NAMES[ARCH])
    describe(writer)
    names = gguf.get_tensor_name_map(ARCH, 2)
    converted = {name: convert(name, data) for name, data in tensors.items()}
    for name, data in stacked(converted).items():
        written = names.get_name(name.replace('.dt_bias', '.dt_proj.bias'), try_suffixes=('.weight', '.bias'))
        assert written, name
        writer.add_tensor(written, numpy.ascontiguousarray(data))
    for name, data in tensors.items():
        writer.add_tensor(f'hf.{name}', data)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == '__main__':
    main()

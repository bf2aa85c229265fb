"""What llama.cpp's converter does to tensors besides renaming them, written out in numpy from conversion/{deepseek,qwen}.py.

Each function takes the configuration and all tensors by name and changes the latter in place.
"""

import numpy


def stack_experts(config, tensors):
    """Matrices of the experts of a layer in one tensor; gates and up-projections that share one, apart."""
    for name in [name for name in tensors if name.endswith('experts.gate_up_proj')]:
        gate, up = numpy.split(tensors.pop(name), 2, axis=1)
        tensors[name.replace('gate_up_proj', 'gate_proj.weight')] = gate
        tensors[name.replace('gate_up_proj', 'up_proj.weight')] = up
    for name in [name for name in tensors if name.endswith('experts.down_proj')]:
        tensors[f'{name}.weight'] = tensors.pop(name)
    for name in [name for name in tensors if '.experts.0.' in name]:
        own = []
        while (expert := name.replace('.experts.0.', f'.experts.{len(own)}.')) in tensors:
            own.append(tensors.pop(expert))
        tensors[name.replace('.experts.0.', '.experts.')] = numpy.stack(own)


def split_latent(config, tensors):
    heads, nope, v = config['num_attention_heads'], config['qk_nope_head_dim'], config['v_head_dim']
    for name in [name for name in tensors if name.endswith('kv_b_proj.weight')]:
        both = tensors.pop(name).reshape(heads, nope + v, -1)
        tensors[name.replace('kv_b_proj', 'k_b_proj')] = both[:, :nope].transpose(0, 2, 1)
        tensors[name.replace('kv_b_proj', 'v_b_proj')] = both[:, nope:]


def delta_rules(config, tensors):
    """Of Qwen3-Next and Qwen3.5: norms with 1 added, -exp of A_log, convolutions without the extent of 1."""
    for name, data in tensors.items():
        if name.endswith('norm.weight') and not name.endswith('linear_attn.norm.weight'):
            tensors[name] = data + numpy.float32(1)
        elif name.endswith('A_log'):
            tensors[name] = -numpy.exp(data)
        elif name.endswith('conv1d.weight'):
            tensors[name] = data.squeeze(1)


def part_keys(config, tensors):
    """Qwen3-Next: queries, keys, values and gates of each key head to those of all heads, gates in a tensor of their own."""
    keys, per_key = config['linear_num_key_heads'], config['linear_num_value_heads'] // config['linear_num_key_heads']
    key, value = config['linear_key_head_dim'], per_key * config['linear_value_head_dim']
    for name in [name for name in tensors if name.endswith('in_proj_qkvz.weight')]:
        fused = tensors.pop(name)
        heads = fused.reshape(keys, 2 * key + 2 * value, -1)
        parts = [part.reshape(-1, fused.shape[1]) for part in numpy.split(heads, numpy.cumsum([key, key, value]), axis=1)]
        tensors[name.replace('qkvz', 'qkv')] = numpy.concatenate(parts[:3])
        tensors[name.replace('qkvz', 'z')] = parts[3]


def tile_values(config, tensors):
    """Qwen3.5: value heads from grouped by key head to tiled."""
    keys, values = config['linear_num_key_heads'], config['linear_num_value_heads']
    key_channels, width = keys * config['linear_key_head_dim'], config['linear_value_head_dim']

    def tile(data, axis, width):
        shape = data.shape
        grouped = data.reshape(*shape[:axis], keys, values // keys, width, *shape[axis + 1 :])
        return grouped.swapaxes(axis, axis + 1).reshape(shape)

    def tile_behind_keys(data):
        return numpy.concatenate([data[: 2 * key_channels], tile(data[2 * key_channels :], 0, width)])

    tilings = {
        'A_log': lambda data: tile(data, 0, 1),
        'dt_bias': lambda data: tile(data, 0, 1),
        'in_proj_a': lambda data: tile(data, 0, 1),
        'in_proj_b': lambda data: tile(data, 0, 1),
        'in_proj_z': lambda data: tile(data, 0, width),
        'in_proj_qkv': tile_behind_keys,
        'conv1d': tile_behind_keys,
        'out_proj': lambda data: tile(data, 1, width),
    }
    for name, data in tensors.items():
        module = name.partition('.linear_attn.')[2].partition('.')[0]
        tensors[name] = tilings.get(module, lambda data: data)(data)

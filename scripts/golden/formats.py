"""Makes test/formats/: small quantised matrices, and the f32 values that their makers' code gives them.

  python scripts/golden/formats.py        needs torch, numpy, safetensors and compressed-tensors

A case is NAME.safetensors: the tensors of the module `w` as a checkpoint has them, and `expected` (F32).
cases.json holds the quantization_config of each. README.md names the judge of each format.
"""

import json
from pathlib import Path

import numpy
import torch
from compressed_tensors.compressors import BaseCompressor
from compressed_tensors.compressors.nvfp4.helpers import unpack_fp4_from_uint8
from compressed_tensors.quantization import QuantizationArgs, QuantizationScheme
from compressed_tensors.quantization.lifecycle.forward import dequantize
from safetensors.torch import save_file

OUT = Path(__file__).resolve().parents[2] / 'test' / 'formats'
ROWS, COLUMNS = 40, 64
AWQ_ORDER = [0, 2, 4, 6, 1, 3, 5, 7]  # channel of each nibble, the lowest first


def random_weight():
    return torch.randn(ROWS, COLUMNS) * 0.1


def integers(below, *shape):
    return numpy.random.randint(0, below, shape)


def half_scales(groups):
    return (numpy.random.rand(groups, ROWS) * 0.02 + 0.001).astype(numpy.float16)


def pack(values, bits, order=None):
    """Rows of integers to rows of int32, the first in the lowest bits, or in the order given."""
    per_word = 32 // bits
    order = order or list(range(per_word))
    packed = numpy.zeros((values.shape[0], values.shape[1] // per_word), dtype=numpy.int64)
    for i, source in enumerate(order):
        packed |= values[:, source::per_word].astype(numpy.int64) << (bits * i)
    return torch.from_numpy(packed.astype(numpy.uint32).view(numpy.int32))


def awq(group):
    groups = COLUMNS // group
    codes, zeros, scales = integers(16, COLUMNS, ROWS), integers(16, groups, ROWS), half_scales(groups)
    group_of = numpy.arange(COLUMNS) // group
    expected = (codes - zeros[group_of]).astype(numpy.float32) * scales[group_of].astype(numpy.float32)
    tensors = {'qweight': pack(codes, 4, AWQ_ORDER), 'qzeros': pack(zeros, 4, AWQ_ORDER), 'scales': torch.from_numpy(scales)}
    config = {'quant_method': 'awq', 'bits': 4, 'group_size': group, 'zero_point': True, 'version': 'gemm'}
    return config, tensors, torch.from_numpy(expected.T.copy())


def gptq(bits, group, version, act_order):
    groups = COLUMNS // group
    codes, scales = integers(2**bits, COLUMNS, ROWS), half_scales(groups)
    stored = integers(2**bits, groups, ROWS)  # of a zero point less one in version 1
    zeros = stored + (version == 'gptq')
    group_of = numpy.arange(COLUMNS) // group
    if act_order:
        group_of = numpy.random.permutation(group_of)
    expected = (codes - zeros[group_of]).astype(numpy.float32) * scales[group_of].astype(numpy.float32)
    tensors = {
        'qweight': pack(codes.T, bits).T.contiguous(),
        'qzeros': pack(stored, bits),
        'scales': torch.from_numpy(scales),
        'g_idx': torch.from_numpy(group_of.astype(numpy.int32)),
    }
    config = {'quant_method': 'gptq', 'bits': bits, 'group_size': group, 'desc_act': act_order, 'checkpoint_format': version}
    return config, tensors, torch.from_numpy(expected.T.copy())


def compressed(form, weights, state=None):
    """What compressed-tensors stores for a random matrix, and what it reads back."""
    arguments = QuantizationArgs(**weights)
    scheme = QuantizationScheme(targets=['Linear'], weights=arguments, format=form)
    compressor = BaseCompressor.get_value_from_registry(form)
    stored = compressor.compress({'weight': random_weight(), **state}, scheme)
    stored = {name: tensor.detach() for name, tensor in stored.items()}
    expected = compressor.decompress(dict(stored), scheme)['weight'].detach().float()
    config = {
        'quant_method': 'compressed-tensors',
        'format': form,
        'config_groups': {'group_0': {'targets': ['Linear'], 'weights': weights, 'input_activations': None}},
    }
    return config, stored, expected


def integer_state(groups, symmetric, bits):
    zeros = torch.zeros(ROWS, groups) if symmetric else torch.randint(-(2 ** (bits - 1)), 2 ** (bits - 1), (ROWS, groups))
    return {'weight_scale': torch.rand(ROWS, groups) * 0.02 + 0.002, 'weight_zero_point': zeros.to(torch.int8)}


def compressed_integers(form, bits, group=None, symmetric=True):
    weights = {'num_bits': bits, 'type': 'int', 'symmetric': symmetric, 'strategy': 'group' if group else 'channel'}
    if group:
        weights['group_size'] = group
    return compressed(form, weights, integer_state(COLUMNS // group if group else 1, symmetric, bits))


def compressed_fp4(form, group, state):
    weights = {'num_bits': 4, 'type': 'float', 'symmetric': True, 'group_size': group}
    weights['strategy'] = 'tensor_group' if group == 16 else 'group'
    if group == 32:
        weights['scale_dtype'] = 'torch.uint8'
    return compressed(form, weights, state)


def nvfp4(state):
    """As compressed-tensors reads it, but in f32: its own reader works in bf16."""
    config, stored, _ = compressed_fp4('nvfp4-pack-quantized', 16, state)
    elements = unpack_fp4_from_uint8(stored['weight_packed'], ROWS, COLUMNS, dtype=torch.float32)
    arguments = QuantizationArgs(**config['config_groups']['group_0']['weights'])
    number = stored['weight_global_scale']
    return config, stored, dequantize(elements, stored['weight_scale'].float(), args=arguments, global_scale=number, dtype=torch.float32)


def fp8(block, scale_type):
    grid = [-(-extent // size) for extent, size in zip((ROWS, COLUMNS), block)]
    codes = (torch.randn(ROWS, COLUMNS) * 100).clamp(-448, 448).to(torch.float8_e4m3fn)
    exponents = torch.randint(-20, 20, grid)
    powers = torch.exp2(exponents.float())
    scale = powers.to(torch.float8_e8m0fnu) if scale_type == 'e8m0' else torch.rand(grid) * 0.01
    spread = scale.float().repeat_interleave(block[0], 0)[:ROWS].repeat_interleave(block[1], 1)[:, :COLUMNS]
    name = 'scale' if scale_type == 'e8m0' else 'weight_scale_inv'
    config = {'quant_method': 'fp8', 'fmt': 'e4m3', 'weight_block_size': block}
    return config, {'weight': codes, name: scale}, codes.float() * spread


def make(name, case):
    config, tensors, expected = case
    stored = {f'w.{key}': tensor.contiguous() for key, tensor in tensors.items()}
    save_file({**stored, 'expected': expected.contiguous()}, OUT / f'{name}.safetensors')
    return config


def cases():
    yield 'awq', awq(32)
    yield 'gptq', gptq(4, 32, 'gptq', False)
    yield 'gptq-act-order', gptq(4, 16, 'gptq', True)
    yield 'gptq-v2-8-bits', gptq(8, 32, 'gptq_v2', True)
    yield 'int8-channels', compressed_integers('int-quantized', 8)
    yield 'int8-groups-asymmetric', compressed_integers('int-quantized', 8, 16, symmetric=False)
    yield 'packed-int4-groups', compressed_integers('pack-quantized', 4, 32)
    yield 'packed-int4-asymmetric', compressed_integers('pack-quantized', 4, 16, symmetric=False)
    yield 'packed-int8-channels', compressed_integers('pack-quantized', 8)
    yield 'fp8-128', fp8([128, 128], 'f32')
    yield 'fp8-32-e8m0', fp8([32, 32], 'e8m0')
    scale = (torch.rand(ROWS, COLUMNS // 16) * 400 + 1).to(torch.float8_e4m3fn).float()
    yield 'nvfp4', nvfp4({'weight_scale': scale, 'weight_global_scale': torch.tensor([9731.5])})
    powers = torch.exp2(torch.randint(-12, -3, (ROWS, COLUMNS // 32)).float())
    yield 'mxfp4', compressed_fp4('mxfp4-pack-quantized', 32, {'weight_scale': powers})


def main():
    torch.manual_seed(1)
    numpy.random.seed(1)
    OUT.mkdir(parents=True, exist_ok=True)
    configs = {name: make(name, case) for name, case in cases()}
    (OUT / 'cases.json').write_text(json.dumps(configs, indent=2) + '\n')


if __name__ == '__main__':
    main()

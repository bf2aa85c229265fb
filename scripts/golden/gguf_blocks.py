"""Makes test/formats/blocks.gguf: random blocks of each type of GGUF, and what the package `gguf` reads in them.

  python scripts/golden/gguf_blocks.py        needs numpy and gguf

A tensor is named as its type, and TYPE.expected is its values. Written by the package's own writer, so that
the file also judges the reader; `test.*` entries of metadata have each type that metadata may have.
"""

from pathlib import Path

import gguf
import numpy
from gguf.quants import dequantize

OUT = Path(__file__).resolve().parents[2] / 'test' / 'formats' / 'blocks.gguf'
ROWS, BLOCKS = 4, 3
# where in a block its f16 numbers are
HALVES = {
    'F16': [0], 'BF16': [], 'Q4_0': [0], 'Q4_1': [0, 2], 'Q5_0': [0], 'Q5_1': [0, 2], 'Q8_0': [0], 'IQ4_NL': [0],
    'MXFP4': [], 'Q2_K': [80, 82], 'Q3_K': [108], 'Q4_K': [0, 2], 'Q5_K': [0, 2], 'Q6_K': [208],
}  # fmt: skip


def halves(count):
    """f16 numbers of every size but the largest, subnormals among them."""
    magnitudes = numpy.exp2(numpy.random.uniform(-24, 6, count))
    return (magnitudes * numpy.random.choice([-1, 1], count)).astype(numpy.float16)


def random_blocks(name):
    elements, size = gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType[name]]
    count = ROWS * BLOCKS if elements > 1 else ROWS * 32
    blocks = numpy.random.randint(0, 256, (count, size), dtype=numpy.uint8)
    for at in HALVES[name]:
        blocks[:, at : at + 2] = halves(count).view(numpy.uint8).reshape(count, 2)
    if name == 'MXFP4':
        blocks[:, 0] = numpy.random.randint(0, 250, count)  # leaves the values finite
        blocks[:2, 0] = [0, 1]
    if name == 'BF16':
        blocks[:, 1] = numpy.random.randint(0, 2, count) * 128 + numpy.random.randint(0, 120, count)
    return blocks.reshape(ROWS, -1)


def main():
    numpy.random.seed(1)
    writer = gguf.GGUFWriter(OUT, 'test')
    for kind in ('uint8', 'int8', 'uint16', 'int16', 'uint32', 'int32', 'uint64', 'int64'):
        getattr(writer, f'add_{kind}')(f'test.{kind}', 7 if kind[0] == 'u' else -7)
    writer.add_float32('test.float32', 0.5)
    writer.add_float64('test.float64', -0.1)
    writer.add_bool('test.bool', True)
    writer.add_string('test.string', 'žluťoučký 猫')
    writer.add_array('test.strings', ['a', '', 'ab'])
    writer.add_array('test.numbers', [1, -2, 3])
    for name in HALVES:
        kind = gguf.GGMLQuantizationType[name]
        blocks = random_blocks(name)
        writer.add_tensor(name, blocks, raw_dtype=kind)
        values = blocks.view(numpy.float16).astype(numpy.float32) if name == 'F16' else dequantize(blocks, kind)
        writer.add_tensor(f'{name}.expected', values.astype(numpy.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == '__main__':
    main()

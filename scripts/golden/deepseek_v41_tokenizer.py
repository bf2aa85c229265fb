"""A small byte-level vocabulary in which some tokens read alike, and the classes of tokens that do."""

import itertools
import json

from tokenizers import Regex, Tokenizer, normalizers

SPECIAL = ['<｜begin▁of▁sentence｜>', '<｜end▁of▁sentence｜>', '<｜▁pad▁｜>']


def letters():
    """The letter of each byte, as GPT-2 has them."""
    printed = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = (chr(256 + i) for i in range(68))
    return [chr(byte) if byte in printed else next(others) for byte in range(256)]


def write_tokenizer(path, size):
    words = [''.join(word) for word in itertools.product('bcdfgklmnprst', 'aeiou', 'bdfgklmnprstz')]
    variants = [form.format(word) for word in words for form in ('Ġ{}', '{}Ċ')] + [word.upper() for word in words]
    count = size - len(SPECIAL) - 256 - 820
    step = len(variants) // count
    entries = [*SPECIAL, *letters(), *words[:820], *variants[::step][:count]]
    assert len(set(entries)) == size
    special = [{'id': i, 'content': text, 'special': True} for i, text in enumerate(SPECIAL)]
    flags = {'single_word': False, 'lstrip': False, 'rstrip': False, 'normalized': False}
    byte_level = {'type': 'ByteLevel', 'add_prefix_space': False, 'trim_offsets': True, 'use_regex': True}
    file = {
        'version': '1.0',
        'truncation': None,
        'padding': None,
        'added_tokens': [{**token, **flags} for token in special],
        'normalizer': None,
        'pre_tokenizer': byte_level,
        'post_processor': None,
        'decoder': byte_level,
        'model': {
            'type': 'BPE',
            'dropout': None,
            'unk_token': None,
            'continuing_subword_prefix': None,
            'end_of_word_suffix': None,
            'fuse_unk': False,
            'byte_fallback': False,
            'vocab': {entry: i for i, entry in enumerate(entries)},
            'merges': [],
        },
    }
    path.write_text(json.dumps(file, ensure_ascii=False, indent=0) + '\n')


def classes_of(path):
    """The class of each token, numbered as they first occur."""
    tokenizer = Tokenizer.from_file(str(path))
    lone_space = '\ue000'
    normal = normalizers.Sequence(
        [
            normalizers.NFKC(),
            normalizers.NFD(),
            normalizers.StripAccents(),
            normalizers.Lowercase(),
            normalizers.Replace(Regex(r'[ \t\r\n]+'), ' '),
            normalizers.Replace(Regex(r'^ $'), lone_space),
            normalizers.Strip(),
            normalizers.Replace(lone_space, ' '),
        ]
    )
    known = {}

    def key(i):
        text = tokenizer.decode([i], skip_special_tokens=False)
        return tokenizer.id_to_token(i) if '\ufffd' in text else normal.normalize_str(text) or text

    return [known.setdefault(key(i), len(known)) for i in range(tokenizer.get_vocab_size())]

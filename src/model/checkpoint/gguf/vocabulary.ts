/**
 * The tokenizer and the chat template in the metadata of a GGUF file, as the tokenizer.json and
 * tokenizer_config.json of Hugging Face.
 *
 *   tokenizer.ggml.model       "gpt2": byte-level BPE
 *   tokenizer.ggml.pre         how text is split before BPE, by name (preTokenizers.table.ts)
 *   tokenizer.ggml.tokens      entry of each id, in the byte alphabet, or the text of an added token
 *   tokenizer.ggml.token_type  1 entry, 3 special token, 4 other added token, 5 unused
 *   tokenizer.ggml.merges      "a b", in order
 *   tokenizer.chat_template    Jinja
 */
import { listProblems, problem, problemsError, UnsupportedError } from '../../../base/index.ts';
import type { JsonRecord } from '../../../base/index.ts';
import { numbersOf, requireTexts, textOf } from './metadata.ts';
import type { Metadata } from './metadata.ts';
import { PRE_TOKENIZERS } from './preTokenizers.table.ts';

const KEY = 'tokenizer.ggml.';
const [NORMAL, CONTROL, USER_DEFINED] = [1, 3, 4];

/** The content of a tokenizer.json. Throws UnsupportedError or FormatError naming `where`. */
export function tokenizerOfGguf(metadata: Metadata, where: string): JsonRecord {
  const { normalizer, splits } = splitting(metadata, where);
  const tokens = requireTexts(metadata, `${KEY}tokens`, where);
  const types = numbersOf(metadata, `${KEY}token_type`, where);
  if (types !== undefined && types.length !== tokens.length) {
    const requirement = `a type for each of the ${tokens.length} tokens`;
    throw problemsError([problem(`${KEY}token_type`, requirement, types)], where);
  }
  const added: JsonRecord[] = [];
  const others: number[] = [];
  for (const [id, type] of types?.entries() ?? []) {
    if (type === NORMAL) continue;
    others.push(id);
    if (type === CONTROL || type === USER_DEFINED)
      added.push(addedToken(tokens.at(id)!, id, type === CONTROL));
  }
  return {
    normalizer,
    pre_tokenizer: { type: 'Sequence', pretokenizers: [...splits.map(split), BYTE_LEVEL] },
    decoder: BYTE_LEVEL,
    added_tokens: added,
    model: {
      type: 'BPE',
      vocab: tokens.without(others),
      merges: requireTexts(metadata, `${KEY}merges`, where),
    },
  };
}

/** What readChatTemplate needs of a tokenizer_config.json. */
export function chatConfigOfGguf(metadata: Metadata): JsonRecord {
  const tokens = metadata.get(`${KEY}tokens`);
  const tokenOf = (key: string): unknown => {
    const id = metadata.get(`${KEY}${key}`);
    return typeof id === 'number' && typeof tokens === 'object' ? tokens.at(id) : undefined;
  };
  return {
    chat_template: textOf(metadata, 'tokenizer.chat_template'),
    bos_token: tokenOf('bos_token_id'),
    eos_token: tokenOf('eos_token_id'),
    pad_token: tokenOf('padding_token_id'),
    unk_token: tokenOf('unknown_token_id'),
  };
}

const BYTE_LEVEL = {
  type: 'ByteLevel',
  add_prefix_space: false,
  trim_offsets: false,
  use_regex: false,
};

function split(regex: string): JsonRecord {
  return { type: 'Split', pattern: { Regex: regex }, behavior: 'Isolated', invert: false };
}

function addedToken(content: string, id: number, special: boolean): JsonRecord {
  return {
    id,
    content,
    special,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
  };
}

function splitting(metadata: Metadata, where: string) {
  const [model, pre] = [metadata.get(`${KEY}model`), metadata.get(`${KEY}pre`)];
  const found = typeof pre === 'string' ? PRE_TOKENIZERS.get(pre) : undefined;
  const known = [...PRE_TOKENIZERS.keys()].join(', ');
  const problems = [
    ...(model === 'gpt2' ? [] : [problem(`${KEY}model`, '"gpt2"', model)]),
    ...(found === undefined ? [problem(`${KEY}pre`, `one of ${known}`, pre)] : []),
  ];
  if (found !== undefined && problems.length === 0) return found;
  throw new UnsupportedError(listProblems(problems), {
    where,
    hint: 'use a model with byte-level BPE, as those of Qwen and DeepSeek',
  });
}

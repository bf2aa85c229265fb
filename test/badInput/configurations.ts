/** Model folders, configurations, tokenizers and chat templates that are not what they should be. */
import fs from 'node:fs';
import path from 'node:path';
import { bad, NESTED_DEEPLY, writeZeros, type BadInput } from './case.ts';
import { tinyTokenizer, writeConfig, writeModel, type Json } from './tinyModel.ts';

type Prepare = BadInput['prepare'];

const CONFIG = 'config.json';
const TOKENIZER = 'tokenizer.json';
const DEEPSEEK = path.join(import.meta.dirname, '../../models/deepseek-v3-tiny/config.json');

const run = (model: string, tokens = '1'): string[] => ['run', model, '-p', 'x', '-n', tokens];

function config(fields: Json): Prepare {
  return (folder) => run(writeConfig(folder, fields));
}

function file(name: string, content: string | Uint8Array | object | null): Prepare {
  return (folder) => run(writeModel(folder, { [name]: content }));
}

function zeros(name: string, sizeBytes: number): Prepare {
  return (folder) => {
    const model = writeModel(folder);
    writeZeros(path.join(folder, name), sizeBytes);
    return run(model);
  };
}

/** A tokenizer.json with other fields, at its top and in its model. */
function tokenizer(fields: Json, model: Json = {}): Prepare {
  const tiny = tinyTokenizer();
  return file(TOKENIZER, { ...tiny, ...fields, model: { ...(tiny['model'] as Json), ...model } });
}

function split(pattern: Json): Json {
  const pretokenizers = [{ type: 'Split', pattern, behavior: 'Isolated' }, { type: 'ByteLevel' }];
  return { pre_tokenizer: { type: 'Sequence', pretokenizers } };
}

function chat(template?: string): Prepare {
  const files =
    template === undefined ? {} : { 'tokenizer_config.json': { chat_template: template } };
  return (folder) => [...run(writeModel(folder, files)), '--chat'];
}

/** More tokens than a chip has room for, from a model that would take them. */
function longContext(tokens: string, chip: string): Prepare {
  return (folder) => {
    const model = writeConfig(folder, { max_position_embeddings: 1e9 });
    return [...run(model, tokens), '--target', 'jade', '--chip', chip];
  };
}

export const CONFIGURATIONS: readonly BadInput[] = [
  bad('a folder without config.json', 1, file(CONFIG, null)),
  bad('config.json that is a folder', 2, (folder) => {
    fs.mkdirSync(path.join(folder, CONFIG));
    return run(writeModel(folder, { [CONFIG]: null }));
  }),
  bad('config.json of 1 GB', 1, zeros(CONFIG, 1e9)),
  bad('config.json of 1 MB of zeros', 1, zeros(CONFIG, 1e6)),
  bad('an index of 1 GB', 1, zeros('model.safetensors.index.json', 1e9)),
  bad('an index of 30 MB of zeros', 1, zeros('model.safetensors.index.json', 3e7)),
  bad('config.json that is not JSON', 1, file(CONFIG, '{"a":')),
  bad('config.json that is empty', 1, file(CONFIG, '')),
  bad('config.json that is not UTF-8', 1, file(CONFIG, Uint8Array.of(123, 255, 125))),
  bad('config.json that is a list', 1, file(CONFIG, '[1]')),
  bad('config.json nested 100000 deep', 1, file(CONFIG, `{"rope_scaling":${NESTED_DEEPLY}}`)),
  bad(
    'config.json of a third of a million lists',
    1,
    file(CONFIG, `{"a":[${'[],'.repeat(3e5)}0]}`),
  ),
  bad('an unknown architecture', 3, config({ architectures: ['LlamaForCausalLM'] })),
  bad('no architecture', 1, config({ architectures: undefined, model_type: undefined })),
  bad('an architecture called __proto__', 3, config({ architectures: ['__proto__'] })),
  bad('a vocabulary of 2^53', 1, config({ vocab_size: 2 ** 53 })),
  bad('a vocabulary of −1', 1, config({ vocab_size: -1 })),
  bad('a million layers', 1, config({ num_hidden_layers: 1e6 })),
  bad('a width of 0', 1, config({ hidden_size: 0 })),
  bad('a width that is text', 1, config({ hidden_size: '32' })),
  bad('a missing field', 1, config({ rms_norm_eps: undefined })),
  bad('heads that do not divide', 1, config({ num_attention_heads: 3, num_key_value_heads: 2 })),
  bad('an odd head width', 1, config({ head_dim: 33 })),
  bad('a context of 10^12', 1, config({ max_position_embeddings: 1e12 })),
  bad('several wrong fields', 1, config({ hidden_size: -5, vocab_size: 1.5, rope_theta: null })),
  bad('an unknown scaling of positions', 3, config({ rope_scaling: { rope_type: 'llama3' } })),
  bad('an unknown quantisation', 3, config({ quantization_config: { quant_method: 'aqlm' } })),
  bad('experts that do not divide', 1, (folder) => {
    const deepseek = JSON.parse(fs.readFileSync(DEEPSEEK, 'utf8'));
    const wrong = { ...deepseek, n_group: 5, num_experts_per_tok: 100 };
    return run(writeModel(folder, { [CONFIG]: wrong }));
  }),
  bad('a context beyond the chip', 4, longContext('900000000', 'jade-edge')),
  bad('a context beyond a large chip', 4, longContext('20000000', 'jade-server')),
  bad('a generation temperature of −1', 1, file('generation_config.json', { temperature: -1 })),

  bad('no tokenizer', 2, file(TOKENIZER, null)),
  bad('a tokenizer that is not JSON', 1, file(TOKENIZER, '<html>')),
  bad('an empty tokenizer', 3, file(TOKENIZER, '{}')),
  bad('a tokenizer of 1 GB', 1, zeros(TOKENIZER, 1e9)),
  bad('a tokenizer of 30 MB of zeros', 1, zeros(TOKENIZER, 3e7)),
  bad('a tokenizer of 7 million objects', 1, file(TOKENIZER, `{"a":[${'{},'.repeat(7e6)}0]}`)),
  bad('a tokenizer of an unknown type', 3, tokenizer({}, { type: 'Unigram' })),
  bad('a vocabulary that is a list', 1, tokenizer({}, { vocab: [] })),
  bad('a vocabulary without bytes', 1, tokenizer({}, { vocab: { a: 0 } })),
  bad('a token id of −1', 1, tokenizer({}, { vocab: { a: -1 } })),
  bad('an added token of id 2^53', 1, tokenizer({ added_tokens: [{ id: 2 ** 53, content: 'x' }] })),
  bad('merges of three', 1, tokenizer({}, { merges: [['a', 'b', 'c']] })),
  bad('a split that is no expression', 1, tokenizer(split({ Regex: '(' }))),
  bad('a normalizer of an unknown type', 3, tokenizer({ normalizer: { type: 'Precompiled' } })),
  bad('a token that the model lacks', 2, tokenizer({ added_tokens: [{ id: 300, content: 'x' }] })),

  bad('no chat template', 3, chat()),
  bad('a chat template that is none', 1, chat('{% for %}')),
  bad('a chat template that refuses', 2, chat('{{ raise_exception("no") }}')),
];

/** Model folders, configurations and tokenizers that are not what they should be. */
import fs from 'node:fs';
import path from 'node:path';
import type { BadInput } from './case.ts';
import { tinyTokenizer, writeConfig, writeModel, type Json } from './tinyModel.ts';

const run = (model: string): string[] => ['run', model, '-p', 'x', '-n', '1'];

function config(fields: Json): BadInput['prepare'] {
  return (folder) => run(writeConfig(folder, fields));
}

function file(name: string, content: string | Uint8Array | object | null): BadInput['prepare'] {
  return (folder) => run(writeModel(folder, { [name]: content }));
}

/** A file of zeros that takes no room on the disk. */
function sparse(name: string, sizeBytes: number): BadInput['prepare'] {
  return (folder) => {
    const model = writeModel(folder, { [name]: '' });
    fs.truncateSync(path.join(folder, name), sizeBytes);
    return run(model);
  };
}

function tokenizer(change: (file: Json) => Json): BadInput['prepare'] {
  return file('tokenizer.json', change(tinyTokenizer()));
}

const DEEP = `${'['.repeat(1e5)}${']'.repeat(1e5)}`;

export const CONFIGURATIONS: readonly BadInput[] = [
  {
    name: 'a folder without config.json',
    prepare: file('config.json', null),
    exitCode: 1,
  },
  {
    name: 'config.json that is a folder',
    prepare: (folder) => {
      fs.mkdirSync(path.join(folder, 'config.json'));
      return run(writeModel(folder, { 'config.json': null }));
    },
    exitCode: 2,
  },
  { name: 'config.json of 1 GB', prepare: sparse('config.json', 1e9), exitCode: 1 },
  { name: 'config.json of 16 MiB of zeros', prepare: sparse('config.json', 2 ** 24), exitCode: 1 },
  { name: 'an index of 1 GB', prepare: sparse('model.safetensors.index.json', 1e9), exitCode: 1 },
  { name: 'config.json that is not JSON', prepare: file('config.json', '{"a":'), exitCode: 1 },
  {
    name: 'config.json that is not UTF-8',
    prepare: file('config.json', Uint8Array.of(123, 255, 125)),
    exitCode: 1,
  },
  { name: 'config.json that is a list', prepare: file('config.json', '[1]'), exitCode: 1 },
  {
    name: 'config.json nested 100000 deep',
    prepare: file('config.json', `{"rope_scaling":${DEEP}}`),
    exitCode: 1,
  },
  {
    name: 'config.json of 10 MB of brackets',
    prepare: file('config.json', `{"a":[${'[],'.repeat(3e6)}[]]}`),
    exitCode: 1,
  },
  {
    name: 'an unknown architecture',
    prepare: config({ architectures: ['LlamaForCausalLM'] }),
    exitCode: 3,
  },
  {
    name: 'no architecture',
    prepare: config({ architectures: undefined, model_type: undefined }),
    exitCode: 1,
  },
  {
    name: 'an architecture that is a property of every object',
    prepare: config({ architectures: ['__proto__'] }),
    exitCode: 3,
  },
  { name: 'a vocabulary of 2^53', prepare: config({ vocab_size: 2 ** 53 }), exitCode: 1 },
  { name: 'a vocabulary of −1', prepare: config({ vocab_size: -1 }), exitCode: 1 },
  { name: 'a million layers', prepare: config({ num_hidden_layers: 1e6 }), exitCode: 1 },
  { name: 'a width of 0', prepare: config({ hidden_size: 0 }), exitCode: 1 },
  { name: 'a width that is text', prepare: config({ hidden_size: '32' }), exitCode: 1 },
  { name: 'a missing field', prepare: config({ rms_norm_eps: undefined }), exitCode: 1 },
  {
    name: 'heads that do not divide',
    prepare: config({ num_attention_heads: 3, num_key_value_heads: 2 }),
    exitCode: 1,
  },
  { name: 'an odd head width', prepare: config({ head_dim: 33 }), exitCode: 1 },
  { name: 'a context of 10^12', prepare: config({ max_position_embeddings: 1e12 }), exitCode: 1 },
  {
    name: 'several fields at once',
    prepare: config({ hidden_size: -5, vocab_size: 1.5, rope_theta: null }),
    exitCode: 1,
  },
  {
    name: 'an unknown scaling of positions',
    prepare: config({ rope_scaling: { rope_type: 'llama3' } }),
    exitCode: 3,
  },
  {
    name: 'an unknown quantisation',
    prepare: config({ quantization_config: { quant_method: 'awq' } }),
    exitCode: 3,
  },
  {
    name: 'sizes within bounds that no checkpoint has',
    prepare: config({ num_hidden_layers: 1000, hidden_size: 1e6, intermediate_size: 1e7 }),
    exitCode: 1,
  },
  {
    name: 'experts that do not divide',
    prepare: (folder) => {
      const deepseek = JSON.parse(
        fs.readFileSync(
          path.join(import.meta.dirname, '../../models/deepseek-v3-tiny/config.json'),
          'utf8',
        ),
      );
      return run(
        writeModel(folder, {
          'config.json': { ...deepseek, n_group: 5, num_experts_per_tok: 100 },
        }),
      );
    },
    exitCode: 1,
  },
  {
    name: 'a long context that the host cannot hold (jade)',
    prepare: (folder) => [
      ...run(writeConfig(folder, { max_position_embeddings: 1e9 })).slice(0, -1),
      '900000000',
      '--target',
      'jade',
    ],
    exitCode: 4,
  },
  {
    name: 'a long context that the host cannot hold (jade-server)',
    prepare: (folder) => [
      ...run(writeConfig(folder, { max_position_embeddings: 1e9 })).slice(0, -1),
      '20000000',
      '--target',
      'jade',
      '--chip',
      'jade-server',
    ],
    exitCode: 4,
  },
  {
    name: 'generation_config.json with a temperature of −1',
    prepare: file('generation_config.json', { temperature: -1 }),
    exitCode: 1,
  },
  { name: 'no tokenizer', prepare: file('tokenizer.json', null), exitCode: 2 },
  { name: 'a tokenizer that is not JSON', prepare: file('tokenizer.json', '<html>'), exitCode: 1 },
  { name: 'an empty tokenizer', prepare: file('tokenizer.json', '{}'), exitCode: 3 },
  { name: 'a tokenizer of 1 GB', prepare: sparse('tokenizer.json', 1e9), exitCode: 1 },
  { name: 'a tokenizer of 64 MiB', prepare: sparse('tokenizer.json', 2 ** 26), exitCode: 1 },
  {
    name: 'a tokenizer of an unknown type',
    prepare: tokenizer((t) => ({ ...t, model: { ...(t['model'] as Json), type: 'Unigram' } })),
    exitCode: 3,
  },
  {
    name: 'a vocabulary that is a list',
    prepare: tokenizer((t) => ({ ...t, model: { ...(t['model'] as Json), vocab: [] } })),
    exitCode: 1,
  },
  {
    name: 'a vocabulary without bytes',
    prepare: tokenizer((t) => ({ ...t, model: { ...(t['model'] as Json), vocab: { a: 0 } } })),
    exitCode: 1,
  },
  {
    name: 'a token id of 2^53',
    prepare: tokenizer((t) => ({ ...t, added_tokens: [{ id: 2 ** 53, content: 'x' }] })),
    exitCode: 1,
  },
  {
    name: 'merges of three',
    prepare: tokenizer((t) => ({
      ...t,
      model: { ...(t['model'] as Json), merges: [['a', 'b', 'c']] },
    })),
    exitCode: 1,
  },
  {
    name: 'an expression that is none',
    prepare: tokenizer((t) => ({
      ...t,
      pre_tokenizer: {
        type: 'Sequence',
        pretokenizers: [
          { type: 'Split', pattern: { Regex: '(' }, behavior: 'Isolated' },
          { type: 'ByteLevel' },
        ],
      },
    })),
    exitCode: 1,
  },
  {
    name: 'a normalizer of an unknown type',
    prepare: tokenizer((t) => ({ ...t, normalizer: { type: 'Precompiled' } })),
    exitCode: 3,
  },
  {
    name: 'a token that the model does not have',
    prepare: tokenizer((t) => ({ ...t, added_tokens: [{ id: 300, content: 'x' }] })),
    exitCode: 2,
  },
  {
    name: 'no chat template',
    prepare: (folder) => [...run(writeModel(folder)), '--chat'],
    exitCode: 3,
  },
  {
    name: 'a chat template that is no template',
    prepare: (folder) => [
      ...run(writeModel(folder, { 'tokenizer_config.json': { chat_template: '{% for %}' } })),
      '--chat',
    ],
    exitCode: 1,
  },
  {
    name: 'a chat template that refuses',
    prepare: (folder) => [
      ...run(
        writeModel(folder, {
          'tokenizer_config.json': { chat_template: '{{ raise_exception("no") }}' },
        }),
      ),
      '--chat',
    ],
    exitCode: 2,
  },
];

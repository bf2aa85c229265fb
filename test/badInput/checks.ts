/** Checks that cannot be made: chips, stacks, layouts and configurations that are not what they should be. */
import fs from 'node:fs';
import path from 'node:path';
import { bad, type BadInput } from './case.ts';

const QWEN = path.join(import.meta.dirname, '../../catalogue/models/qwen3-4b.json');

function check(...args: string[]): BadInput['prepare'] {
  return () => ['check', ...args];
}

function onFlash(...args: string[]): BadInput['prepare'] {
  return check('deepseek-v4-flash', '--chip', 'nvidia-h20', ...args);
}

/** A config.json by itself, with other fields. */
function config(change: (fields: Record<string, unknown>) => object): BadInput['prepare'] {
  return (folder) => {
    const file = path.join(folder, 'config.json');
    fs.writeFileSync(file, JSON.stringify(change(JSON.parse(fs.readFileSync(QWEN, 'utf8')))));
    return ['check', file, '--chip', 'nvidia-h20'];
  };
}

const without = (name: string) =>
  config((fields) => Object.fromEntries(Object.entries(fields).filter(([key]) => key !== name)));
const having = (fields: object) => config((others) => ({ ...others, ...fields }));

export const CHECKS: readonly BadInput[] = [
  bad('no model and not all', 2, check()),
  bad('a model nearly right', 2, check('deepseek-v4-flas', '--chip', 'nvidia-h20')),
  bad('a chip nearly right', 2, check('deepseek-v4-flash', '--chip', 'huawei-ascend-910d')),
  bad('an unknown chip', 2, check('deepseek-v4-flash', '--chip', 'abacus')),
  bad('a chip file that is not there', 2, check('qwen3-0.6b', '--chip', './none.json')),
  bad('a stack nearly right', 2, onFlash('--stack', 'vlm')),
  bad('an unknown stack', 2, onFlash('--stack', 'abacus-os')),
  bad('a layout that is none', 2, onFlash('--layout', 'eight')),
  bad('a layout of 0 chips', 2, onFlash('--layout', 'tp=0')),
  bad('expert parallelism that does not divide', 2, onFlash('--layout', 'tp=8,ep=3')),
  bad('a layout and a number of chips', 2, onFlash('--layout', 'tp=8', '--count', '8')),
  bad('−1 chips', 2, onFlash('--count', '-1')),
  bad('an unknown precision', 2, onFlash('--precision', 'w2a2')),
  bad('a context longer than the model has', 2, onFlash('--context', '2000000')),
  bad('a configuration without heads', 1, without('num_attention_heads')),
  bad(
    'a configuration without an architecture',
    1,
    config(() => ({ hidden_size: 8 })),
  ),
  bad(
    'an unknown architecture',
    3,
    having({ architectures: ['MambaForCausalLM'], model_type: 'mamba' }),
  ),
  bad('−1 layers', 1, having({ num_hidden_layers: -1 })),
  bad('10^12 layers', 1, having({ num_hidden_layers: 1e12 })),
  bad('heads that are a text', 1, having({ num_attention_heads: 'many' })),
  bad('KV heads that do not divide the heads', 1, having({ num_key_value_heads: 7 })),
  bad(
    'a configuration that is no object',
    1,
    config(() => [1, 2, 3]),
  ),
];

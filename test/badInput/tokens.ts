/** Tokens, texts and places for logits that `eval` cannot use. */
import fs from 'node:fs';
import path from 'node:path';
import { bad, NESTED_DEEPLY, writeZeros, type BadInput } from './case.ts';
import { CONTEXT_TOKENS, writeModel } from './tinyModel.ts';

type Prepare = BadInput['prepare'];

/** Evaluate the tiny model, in the folder `model`, on what is in a file. */
function evaluate(option: '--tokens' | '--text', content: string | Uint8Array | number): Prepare {
  return (folder) => {
    const file = path.join(folder, 'input');
    if (typeof content === 'number') writeZeros(file, content);
    else fs.writeFileSync(file, content);
    return ['eval', writeModel(path.join(folder, 'model')), option, file];
  };
}

function tokens(content: string | Uint8Array | number): Prepare {
  return evaluate('--tokens', content);
}

/** Tokens and a file, in the folder, for the logits. */
function logits(ids: string, file: string): Prepare {
  return (folder) => [...tokens(ids)(folder), '--logits', path.join(folder, file)];
}

/** Options, with FOLDER for the folder. */
function options(...args: string[]): Prepare {
  return (folder) => ['eval', 'qwen3-tiny', ...args.map((arg) => arg.replace('FOLDER', folder))];
}

const TOO_MANY = JSON.stringify(Array(CONTEXT_TOKENS + 1).fill(1));

export const TOKENS: readonly BadInput[] = [
  bad('neither tokens nor text', 2, options()),
  bad('both tokens and text', 2, options('--tokens', 'a', '--text', 'b')),
  bad('tokens that are not there', 2, options('--tokens', 'FOLDER/none')),
  bad('tokens that are a folder', 2, options('--tokens', 'FOLDER')),
  bad('tokens that are a device', 2, options('--tokens', '/dev/zero')),
  bad('tokens that are not JSON', 1, tokens('[1, 2')),
  bad('tokens that are not text', 1, tokens(Uint8Array.from({ length: 256 }, (_, i) => 255 - i))),
  bad('tokens that are an object', 1, tokens('{"tokens": [1, 2]}')),
  bad('tokens that are text', 1, tokens('["a", "b"]')),
  bad('tokens of two kinds', 1, tokens('[1, "b"]')),
  bad('tokens that are null', 1, tokens('[null, 1]')),
  bad('documents without tokens', 1, tokens('[{"tokens": [1, 2]}, {"text": "a"}]')),
  bad('documents nested 100000 deep', 1, tokens(NESTED_DEEPLY)),
  bad('a million empty documents', 1, tokens(`[${'[],'.repeat(1e6)}[]]`)),
  bad('half a million empty documents', 2, tokens(`[${'[],'.repeat(5e5)}[]]`)),
  bad('a million documents of one token', 1, tokens(`[${'[1],'.repeat(1e6)}[1]]`)),
  bad('a document of a million tokens', 4, tokens(`[${'1,'.repeat(1e6)}1]`)),
  bad('tokens of 1 GB', 1, tokens(1e9)),
  bad('tokens of 3 GB', 1, tokens(3e9)),
  bad('a fraction of a token', 2, tokens('[1, 2.5]')),
  bad('a negative token', 2, tokens('[1, -2]')),
  bad('a token that the model lacks', 2, tokens('[1, 256]')),
  bad(
    'a token that the model lacks, in the second document',
    2,
    logits('[[1, 2], [3, 256]]', 'a.npy'),
  ),
  bad('a token larger than any number', 2, tokens('[1, 1e999]')),
  bad('no token', 2, tokens('[]')),
  bad('one token', 2, tokens('[1]')),
  bad('a token more than the context', 4, tokens(TOO_MANY)),

  bad('an empty text', 2, evaluate('--text', '')),
  bad('a text of one byte', 2, evaluate('--text', 'x')),
  bad('a text that is not there', 2, options('--text', 'FOLDER/none')),
  bad('a text that is not UTF-8', 1, evaluate('--text', Uint8Array.of(120, 255, 120))),
  bad('a text of 1 GB', 1, evaluate('--text', 1e9)),

  bad('logits in a folder that is not there', 2, logits('[1, 2]', 'none/a.npy')),
  bad('logits to a folder', 2, logits('[1, 2]', 'model')),
  bad('logits in a file', 2, logits('[1, 2]', 'input/a.npy')),
  bad('logits of a document beyond the context', 4, logits(TOO_MANY, 'a.npy')),
];

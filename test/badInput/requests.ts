/** Requests that cannot be met: options, prompts, tokens, texts, places to write to. */
import fs from 'node:fs';
import path from 'node:path';
import type { BadInput } from './case.ts';
import { writeModel } from './tinyModel.ts';

/** Run the tiny model with these options. */
function run(prompt: string, ...more: string[]): BadInput['prepare'] {
  return (folder) => [
    'run',
    writeModel(path.join(folder, 'm')),
    '-p',
    prompt,
    ...more.map((a) => a.replace('FOLDER', folder)),
  ];
}

function tokens(content: string | Uint8Array, ...more: string[]): BadInput['prepare'] {
  return (folder) => {
    const file = path.join(folder, 'tokens.json');
    fs.writeFileSync(file, content);
    return [
      'eval',
      writeModel(path.join(folder, 'm')),
      '--tokens',
      file,
      ...more.map((a) => a.replace('FOLDER', folder)),
    ];
  };
}
function raw(...args: string[]): BadInput['prepare'] {
  return (folder) => args.map((a) => a.replace('FOLDER', folder));
}
const DEEP = `${'['.repeat(1e5)}${']'.repeat(1e5)}`;

function sparse(option: string, size: number): BadInput['prepare'] {
  return (folder) => {
    const file = path.join(folder, 'big.json');
    fs.writeFileSync(file, '');
    fs.truncateSync(file, size);
    return ['eval', writeModel(path.join(folder, 'm')), option, file];
  };
}
function txt(content: string | Uint8Array): BadInput['prepare'] {
  return (folder) => {
    const file = path.join(folder, 'text.txt');
    fs.writeFileSync(file, content);
    return ['eval', writeModel(path.join(folder, 'm')), '--text', file];
  };
}

export const REQUESTS: readonly BadInput[] = [
  { name: 'an empty prompt', prepare: run(''), exitCode: 2 },
  { name: 'a prompt longer than the context', prepare: run('x'.repeat(65)), exitCode: 4 },
  { name: 'a prompt of 100 kB', prepare: run('春夜'.repeat(15000)), exitCode: 4 },
  {
    name: 'a prompt of 100 kB of one letter, builtin',
    prepare: raw('run', 'qwen3-tiny', '-p', 'x'.repeat(100000)),
    exitCode: 4,
  },
  {
    name: 'a prompt of 100 kB of words, builtin',
    prepare: raw('run', 'qwen3-tiny', '-p', 'hello world '.repeat(10000)),
    exitCode: 4,
  },
  { name: 'no prompt', prepare: raw('run', 'qwen3-tiny'), exitCode: 2 },
  { name: '-n of −1', prepare: run('x', '-n', '-1'), exitCode: 2 },
  { name: '-n of 0', prepare: run('x', '-n', '0'), exitCode: 2 },
  { name: '-n of NaN', prepare: run('x', '-n', 'NaN'), exitCode: 2 },
  { name: '-n of 1e99', prepare: run('x', '-n', '9'.repeat(99)), exitCode: 2 },
  { name: 'a negative temperature', prepare: run('x', '--temperature', '-1'), exitCode: 2 },
  { name: 'a temperature of NaN', prepare: run('x', '--temperature', 'NaN'), exitCode: 2 },
  { name: 'a negative top-p', prepare: run('x', '--top-p', '-1'), exitCode: 2 },
  {
    name: 'a trace in a missing folder',
    prepare: run('x', '-n', '2', '--target', 'jade', '--trace', 'FOLDER/none/trace.json'),
    exitCode: 2,
  },
  {
    name: 'a trace that is a folder',
    prepare: run('x', '-n', '2', '--target', 'jade', '--trace', 'FOLDER'),
    exitCode: 2,
  },
  {
    name: 'a trace in a file',
    prepare: run('x', '-n', '2', '--target', 'jade', '--trace', 'FOLDER/m/config.json/x'),
    exitCode: 2,
  },
  {
    name: 'a trace in proc',
    prepare: run('x', '-n', '2', '--target', 'jade', '--trace', '/proc/trace.json'),
    exitCode: 2,
  },
  {
    name: 'a trace with empty name',
    prepare: run('x', '-n', '2', '--target', 'jade', '--trace', ''),
    exitCode: 2,
  },
  {
    name: 'a trace of a target without cycles',
    prepare: run('x', '--trace', 'FOLDER/trace.json'),
    exitCode: 2,
  },
  {
    name: 'logits in a missing folder',
    prepare: tokens('[1,2]', '--logits', 'FOLDER/none/a.npy'),
    exitCode: 2,
  },
  {
    name: 'logits with a NUL',
    prepare: tokens('[1,2]', '--logits', 'FOLDER/n\u0001'),
    exitCode: 0,
  },
  {
    name: 'logits in a missing folder with 65 tokens',
    prepare: tokens(JSON.stringify(Array(65).fill(1)), '--logits', 'FOLDER/a.npy'),
    exitCode: 4,
  },
  {
    name: 'program to file',
    prepare: (folder) => [
      'compile',
      writeModel(path.join(folder, 'm')),
      '-o',
      path.join(folder, 'm/config.json'),
    ],
    exitCode: 2,
  },
  { name: 'unknown target', prepare: run('x', '--target', 'jada'), exitCode: 2 },
  { name: 'unknown option', prepare: run('x', '--tmperature', '1'), exitCode: 2 },
  { name: 'unknown command', prepare: raw('rum'), exitCode: 2 },
  { name: 'far command', prepare: raw('fly'), exitCode: 2 },
  { name: 'unknown model', prepare: raw('run', 'qwen3-tin', '-p', 'x'), exitCode: 2 },
  { name: 'far model', prepare: raw('run', 'FOLDER/none', '-p', 'x'), exitCode: 2 },
  { name: 'empty model', prepare: raw('run', '', '-p', 'x'), exitCode: 2 },
  { name: 'file as model', prepare: raw('run', '/etc/passwd', '-p', 'x'), exitCode: 2 },
  { name: 'hf model', prepare: raw('run', 'hf:a/b', '-p', 'x'), exitCode: 3 },
  { name: 'gguf model', prepare: raw('run', 'a.gguf', '-p', 'x'), exitCode: 3 },
  { name: 'catalogue model', prepare: raw('run', 'deepseek-v3', '-p', 'x'), exitCode: 2 },
  { name: 'too many arguments', prepare: raw('run', 'qwen3-tiny', 'x', '-p', 'x'), exitCode: 2 },
  { name: 'missing model', prepare: raw('inspect'), exitCode: 2 },
  { name: 'neither', prepare: raw('eval', 'qwen3-tiny'), exitCode: 2 },
  { name: 'both', prepare: raw('eval', 'qwen3-tiny', '--tokens', 'a', '--text', 'b'), exitCode: 2 },
  {
    name: 'missing tokens',
    prepare: raw('eval', 'qwen3-tiny', '--tokens', 'FOLDER/a'),
    exitCode: 2,
  },
  { name: 'tokens folder', prepare: raw('eval', 'qwen3-tiny', '--tokens', 'FOLDER'), exitCode: 2 },
  {
    name: 'tokens device',
    prepare: raw('eval', 'qwen3-tiny', '--tokens', '/dev/zero'),
    exitCode: 2,
  },
  { name: 'malformed tokens', prepare: tokens('[1, 2'), exitCode: 1 },
  { name: 'tokens object', prepare: tokens('{"tokens": [1,2]}'), exitCode: 1 },
  { name: 'tokens nested', prepare: tokens(DEEP), exitCode: 1 },
  { name: 'tokens 1 GB', prepare: sparse('--tokens', 1e9), exitCode: 2 },
  { name: 'tokens 3 GB', prepare: sparse('--tokens', 3e9), exitCode: 2 },
  { name: 'tokens 15MB brackets', prepare: tokens(`[${'[],'.repeat(5e6)}[]]`), exitCode: 2 },
  { name: 'tokens 5e6 numbers', prepare: tokens(`[${'1,'.repeat(5e6)}1]`), exitCode: 2 },
  { name: 'tokens text', prepare: tokens('["a", "b"]'), exitCode: 1 },
  { name: 'tokens fraction', prepare: tokens('[1, 2.5]'), exitCode: 2 },
  { name: 'tokens negative', prepare: tokens('[1, -2]'), exitCode: 2 },
  { name: 'tokens out of range', prepare: tokens('[1, 256]'), exitCode: 2 },
  {
    name: 'tokens out of range second doc',
    prepare: tokens('[[1, 2], [3, 256]]', '--logits', 'FOLDER/l.npy'),
    exitCode: 2,
  },
  { name: 'tokens huge', prepare: tokens('[1, 1e999]'), exitCode: 2 },
  { name: 'tokens null', prepare: tokens('[null, 1]'), exitCode: 1 },
  { name: 'tokens empty', prepare: tokens('[]'), exitCode: 2 },
  { name: 'tokens one', prepare: tokens('[1]'), exitCode: 2 },
  { name: 'tokens 65', prepare: tokens(JSON.stringify(Array(65).fill(1))), exitCode: 4 },
  { name: 'text empty', prepare: txt(''), exitCode: 2 },
  { name: 'text 1 GB', prepare: sparse('--text', 1e9), exitCode: 2 },
  { name: 'text 20 MB', prepare: sparse('--text', 2e7), exitCode: 2 },
  { name: 'compile -t 0', prepare: raw('compile', 'qwen3-tiny', '-t', '0'), exitCode: 2 },
  {
    name: 'compile -t 1e6 ',
    prepare: raw('compile', 'qwen3-tiny', '-t', '1000000', '-c', '1000000'),
    exitCode: 4,
  },
  {
    name: 'compile -t 256',
    prepare: raw('compile', 'qwen3-tiny', '-t', '256', '-c', '1000'),
    exitCode: 4,
  },
  {
    name: 'compile -c 1e15',
    prepare: raw('compile', 'qwen3-tiny', '-c', '1000000000000000'),
    exitCode: 4,
  },
  {
    name: 'compile --dump unknown',
    prepare: raw('compile', 'qwen3-tiny', '--dump', 'fuseSwigl'),
    exitCode: 2,
  },
  { name: 'dump far', prepare: raw('compile', 'qwen3-tiny', '--dump', 'zzzzzzzzz'), exitCode: 2 },
];

/** Requests that cannot be met: commands, options, models, prompts, places to write to. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { bad, type BadInput } from './case.ts';
import { writeModel } from './tinyModel.ts';

type Prepare = BadInput['prepare'];

/** FOLDER in an argument stands for the folder. */
function command(...args: string[]): Prepare {
  return (folder) => args.map((arg) => arg.replace('FOLDER', folder));
}

/** A command on the tiny model, in the folder `model`. */
function onModel(name: string, ...args: string[]): Prepare {
  return (folder) => [name, writeModel(path.join(folder, 'model')), ...command(...args)(folder)];
}

function run(prompt: string, ...options: string[]): Prepare {
  return onModel('run', '-p', prompt, ...options);
}

/** A run whose answer must be as a file says, which has this content. */
function shaped(option: string, content: string): Prepare {
  return (folder) => {
    fs.writeFileSync(path.join(folder, 'shape'), content);
    return run('x', option, 'FOLDER/shape')(folder);
  };
}

function trace(file: string): Prepare {
  return run('x', '-n', '2', '--target', 'jade', '--trace', file);
}

function traceToPipe(folder: string): string[] {
  spawnSync('mkfifo', [path.join(folder, 'pipe')]);
  return trace('FOLDER/pipe')(folder);
}

export const REQUESTS: readonly BadInput[] = [
  bad('an unknown command, nearly right', 2, command('rum')),
  bad('an unknown command', 2, command('fly')),
  bad('an unknown option, nearly right', 2, run('x', '--tmperature', '1')),
  bad('an unknown option', 2, run('x', '--fast')),
  bad('an unknown target, nearly right', 2, run('x', '--target', 'jada')),
  bad('an unknown target', 2, run('x', '--target', 'tpu')),
  bad('an argument too many', 2, command('run', 'qwen3-tiny', 'x', '-p', 'x')),
  bad('a chip for the cpu', 2, run('x', '--chip', 'jade-edge')),

  bad('no model', 2, command('inspect')),
  bad('a model nearly right', 2, command('run', 'qwen3-tin', '-p', 'x')),
  bad('a model of the catalogue nearly right', 2, command('inspect', 'qwen3-9b')),
  bad('a model that is not there', 2, command('run', 'FOLDER/none', '-p', 'x')),
  bad('a model without a name', 2, command('run', '', '-p', 'x')),
  bad('a model that is a file', 2, (folder) => {
    const model = writeModel(path.join(folder, 'model'));
    return ['run', path.join(model, 'config.json'), '-p', 'x'];
  }),
  bad('a model without weights', 2, command('run', 'deepseek-v3', '-p', 'x')),
  bad('a model of a hub without its organisation', 2, command('run', 'hf:Qwen3-8B', '-p', 'x')),
  bad('a GGUF file that is not there', 2, command('run', 'qwen3.gguf', '-p', 'x')),

  bad('a schema that is not there', 2, run('x', '--schema', 'FOLDER/none')),
  bad('a schema that is not JSON', 1, shaped('--schema', '{')),
  bad('a schema that is none', 2, shaped('--schema', '{"type":"text"}')),
  bad('a schema with a keyword that is not understood', 3, shaped('--schema', '{"not":{}}')),
  bad('a schema of a billion items', 4, shaped('--schema', '{"maxItems":1000000000}')),
  bad(
    'a schema that nothing satisfies',
    2,
    shaped('--schema', '{"required":["a"],"properties":{"a":false}}'),
  ),
  bad('a grammar without its end', 2, shaped('--grammar', 'root ::= ("a"')),
  bad('a grammar beside drafts', 2, run('x', '--grammar', 'FOLDER/none', '--draft', 'mtp')),

  bad('no prompt', 2, command('run', 'qwen3-tiny')),
  bad('an empty prompt', 2, run('')),
  bad('a prompt longer than the context', 4, run('x'.repeat(65))),
  bad('a prompt of 100 kB', 4, run('春夜'.repeat(16_000))),
  bad(
    'a prompt of 100 kB for a built-in model',
    4,
    command('run', 'qwen3-tiny', '-p', 'x'.repeat(1e5)),
  ),
  bad('−1 tokens', 2, run('x', '-n', '-1')),
  bad('0 tokens', 2, run('x', '-n', '0')),
  bad('NaN tokens', 2, run('x', '-n', 'NaN')),
  bad('10^99 tokens', 2, run('x', '-n', `1${'0'.repeat(99)}`)),
  bad('a negative temperature', 2, run('x', '--temperature', '-1')),
  bad('a temperature of NaN', 2, run('x', '--temperature', 'NaN')),
  bad('a top-p of −1', 2, run('x', '--top-p', '-1')),
  bad('a top-p of 0', 2, run('x', '--top-p', '0')),
  bad('a top-k of 1.5', 2, run('x', '--top-k', '1.5')),

  bad('a trace in a folder that is not there', 2, trace('FOLDER/none/trace.json')),
  bad('a trace in a file', 2, trace('FOLDER/model/config.json/trace.json')),
  bad('a trace where nobody may write', 2, trace('/proc/trace.json')),
  bad('a trace to a folder', 2, trace('FOLDER')),
  bad('a trace to a pipe', 2, traceToPipe),
  bad('a trace without a name', 2, trace('')),
  bad(
    'a trace of a target without times',
    2,
    run('x', '--target', 'reference', '--trace', 'FOLDER/trace.json'),
  ),
  bad(
    'a trace of a prompt that is too long',
    4,
    run('x'.repeat(65), '--target', 'jade', '--trace', 'FOLDER/a'),
  ),
  bad('a program to a file', 2, onModel('compile', '-o', 'FOLDER/model/config.json')),

  bad('a program for 0 tokens', 2, onModel('compile', '-t', '0')),
  bad('a program for more tokens than context', 4, onModel('compile', '-t', '9', '-c', '8')),
  bad('a program for a million tokens', 4, onModel('compile', '-t', '1000000', '-c', '1000000')),
  bad('a program for 10^15 tokens of context', 4, onModel('compile', '-c', '1000000000000000')),
  bad('a pass nearly right', 2, onModel('compile', '--dump', 'fuseSwigl')),
  bad('an unknown pass', 2, onModel('compile', '--dump', 'everything')),
];

/** celadon eval: how well a model predicts given tokens, and its logits. */
import fs from 'node:fs';
import path from 'node:path';
import { setImmediate as pause } from 'node:timers/promises';
import { Option, type Command } from 'commander';
import { encodeNpyHeader, FormatError, formatBytes, UsageError } from '../base/index.ts';
import { evaluate, ModelRunner, type Evaluation } from '../engine/index.ts';
import type { Model } from '../model/index.ts';
import { openModel } from './models.ts';
import { NewFile } from './newFile.ts';
import { Output, type GlobalOptions } from './output.ts';
import { chooseTarget, createTarget, TARGET_NAMES, type TargetName } from './targets.ts';

interface EvalOptions extends GlobalOptions {
  readonly tokens?: string;
  readonly text?: string;
  readonly target: TargetName;
  readonly chip?: string;
  readonly logits?: string;
}

type Documents = readonly (readonly number[])[];

export function addEval(program: Command): void {
  program
    .command('eval')
    .description('perplexity and logits of given tokens, each predicted from those before it')
    .argument('<model>', 'folder or built-in name')
    .option('--tokens <file>', 'JSON: token ids, or documents as [{"tokens": [...]}, ...]')
    .option('--text <file>', 'UTF-8 text; evaluated in pieces if longer than the context')
    .addOption(new Option('--target <name>', 'what runs it').choices(TARGET_NAMES).default('cpu'))
    .option('--chip <name|file>', 'chip of jade, or whose numerics the reference has')
    .option('--logits <file.npy>', 'write the logits, f32, a row for each token')
    .action((model: string, _: unknown, command: Command) =>
      runEval(model, command.optsWithGlobals<EvalOptions>()),
    );
}

async function runEval(name: string, options: EvalOptions): Promise<void> {
  const output = new Output(options);
  const choice = chooseTarget(options);
  const model = openModel(name);
  const limit = model.config.config.max_position_embeddings;
  const documents = readDocuments(model, options, limit);
  const contextTokens = Math.min(Math.max(...documents.map(({ length }) => length)), limit);
  const target = await createTarget(choice, contextTokens);
  const graph = model.graph({ logits: 'all' });
  const runner = new ModelRunner(graph, target, target.open({}), contextTokens);
  const file = logitsFile(options, documents, runner);
  const evaluation = await follow(runner, documents, file, output);
  file?.finish();
  report(
    evaluation,
    { model: model.name, target: choice.target, chip: choice.chip?.name ?? null },
    output,
  );
}

function readDocuments(model: Model, { tokens, text }: EvalOptions, limit: number): Documents {
  if ((tokens === undefined) === (text === undefined)) {
    throw new UsageError('either --tokens or --text must be given, not both or neither', {
      hint: 'celadon eval qwen3-tiny --text poem.txt',
    });
  }
  if (tokens !== undefined) return parseDocuments(readText(tokens), tokens);
  const ids = model.tokenizer.encode(readText(text!));
  return Array.from({ length: Math.ceil(ids.length / limit) }, (_, i) =>
    ids.slice(i * limit, (i + 1) * limit),
  );
}

/** Far more text than an evaluation can take in a day. */
const MAX_FILE_BYTES = 2 ** 22;

/** A device has no end and no size to check. */
function regularFile(file: string): fs.Stats {
  const status = fs.statSync(file);
  if (status.isFile()) return status;
  throw new UsageError('a file is required, not a folder or device', { where: file });
}

function readText(file: string): string {
  try {
    const { size } = regularFile(file);
    if (size <= MAX_FILE_BYTES) return fs.readFileSync(file, 'utf8');
  } catch (error) {
    if (error instanceof UsageError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    throw new UsageError(`a readable file is required, not ${code}`, { where: file });
  }
  const limit = formatBytes(MAX_FILE_BYTES);
  throw new UsageError(`a file of at most ${limit} is required, and this one is larger`, {
    where: file,
    hint: 'evaluate it in parts',
  });
}

/** Token ids of one document, or of several. Throws FormatError naming `where`. */
export function parseDocuments(text: string, where: string): Documents {
  const value = parseJson(text, where);
  if (isIds(value)) return [value];
  const documents = Array.isArray(value) ? value.map((item) => item?.tokens ?? item) : [];
  if (documents.length > 0 && documents.every(isIds)) return documents;
  throw new FormatError(
    'the tokens must be a JSON array of ids, or of documents {"tokens": [ids]}, and are not',
    { where },
  );
}

function parseJson(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new FormatError(`the tokens must be JSON: ${(error as Error).message}`, { where });
  }
}

function isIds(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((id) => typeof id === 'number');
}

function logitsFile(
  { logits }: EvalOptions,
  documents: Documents,
  { vocabularySize }: ModelRunner,
): NewFile | undefined {
  if (logits === undefined) return undefined;
  const rows = documents.reduce((sum, { length }) => sum + length, 0);
  const file = new NewFile(path.resolve(logits));
  file.write(encodeNpyHeader([rows, vocabularySize]));
  return file;
}

/** Evaluates step by step, writing logits as they come; lets go of the thread after each step. */
async function follow(
  runner: ModelRunner,
  documents: Documents,
  file: NewFile | undefined,
  output: Output,
): Promise<Evaluation> {
  const steps = evaluate(runner, documents);
  for (let next = steps.next(); ; next = steps.next()) {
    if (next.done) return next.value;
    const { document, step } = next.value;
    const { buffer, byteOffset, byteLength } = step.logits;
    file?.write(new Uint8Array(buffer, byteOffset, byteLength));
    output.progress(`document ${document + 1} of ${documents.length}`);
    await pause();
  }
}

function report(evaluation: Evaluation, context: object, output: Output): void {
  const { totals, ...rest } = evaluation;
  if (output.json) {
    output.result({
      ...context,
      ...rest,
      cycles: totals.cycles,
      timings: { compileSeconds: totals.compileSeconds, runSeconds: totals.runSeconds },
    });
    return;
  }
  const { documents, tokens, negativeLogLikelihood, perplexity } = rest;
  output.done();
  const facts = [
    ['documents', `${documents}`],
    ['tokens predicted', `${tokens}`],
    ['negative log-likelihood', `${negativeLogLikelihood.toFixed(4)} nats`],
    ['perplexity', perplexity.toFixed(4)],
  ];
  for (const [name, value] of facts) output.line(`${name!.padEnd(25)}${value}`);
}

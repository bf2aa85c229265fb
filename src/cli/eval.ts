/** celadon eval: how well a model predicts given tokens, and its logits. */
import path from 'node:path';
import { setImmediate as pause } from 'node:timers/promises';
import type { Command } from 'commander';
import {
  decodeUtf8,
  encodeNpyHeader,
  FormatError,
  isRecord,
  parseJson,
  readWholeFile,
  show,
  UsageError,
} from '../base/index.ts';
import { evaluate, ModelRunner, type Evaluation } from '../engine/index.ts';
import type { Model } from '../model/index.ts';
import { noteSkipped, openModel } from './models.ts';
import { NewFile } from './newFile.ts';
import { Output, type GlobalOptions } from './output.ts';
import { addTargetOptions } from './targetOptions.ts';
import { chooseTarget, createTarget, type TargetRequest } from './targets.ts';

interface EvalOptions extends GlobalOptions, TargetRequest {
  readonly tokens?: string;
  readonly text?: string;
  readonly logits?: string;
}

type Documents = readonly (readonly number[])[];

export function addEval(program: Command): void {
  addTargetOptions(
    program
      .command('eval')
      .description('perplexity and logits of given tokens, each predicted from those before it')
      .argument('<model>', 'folder, .gguf file, hf:ORG/NAME or built-in name')
      .option('--tokens <file>', 'JSON: token ids, or documents as [{"tokens": [...]}, ...]')
      .option('--text <file>', 'UTF-8 text; evaluated in pieces if longer than the context'),
  )
    .option('--logits <file.npy>', 'write the logits, f32, a row for each token')
    .action((model: string, _: unknown, command: Command) =>
      runEval(model, command.optsWithGlobals<EvalOptions>()),
    );
}

async function runEval(name: string, options: EvalOptions): Promise<void> {
  const output = new Output(options);
  const choice = await chooseTarget(options);
  const model = openModel(name);
  noteSkipped(model, output);
  const limit = model.config.config.max_position_embeddings;
  const documents = readDocuments(model, options, limit);
  const longest = documents.reduce((most, { length }) => Math.max(most, length), 0);
  const contextTokens = Math.min(longest, limit);
  const target = await createTarget(choice, contextTokens, { model });
  const graph = model.graph({ logits: 'all' });
  const runner = new ModelRunner(graph, target, target.open({}), contextTokens);
  for (const [i, ids] of documents.entries()) {
    runner.requireTokens(ids, `${options.tokens ?? options.text}, document ${i + 1}`);
  }
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
      where: 'celadon eval',
      hint: 'celadon eval qwen3-tiny --text poem.txt',
    });
  }
  const file = tokens ?? text!;
  const bytes = readWholeFile(file, MAX_FILE_BYTES);
  const documents =
    tokens === undefined
      ? splitToFit(model.tokenizer.encode(decodeUtf8(bytes, file)), limit)
      : parseDocuments(bytes, file);
  if (documents.some(({ length }) => length > 1)) return documents;
  throw new UsageError('a document must have two tokens or more, one to predict the next from', {
    where: file,
    hint: 'give more text',
  });
}

function splitToFit(ids: readonly number[], contextTokens: number): Documents {
  return Array.from({ length: Math.ceil(ids.length / contextTokens) }, (_, i) =>
    ids.slice(i * contextTokens, (i + 1) * contextTokens),
  );
}

/** Far more than an evaluation can take in a day. */
const MAX_FILE_BYTES = 2 ** 22;

const FORMS = 'a JSON array of token ids, or of documents {"tokens": [ids]}';

/** Token ids of one document, or of several. Throws FormatError naming `where`. */
export function parseDocuments(bytes: Uint8Array, where: string): Documents {
  const value = parseJson(bytes, where);
  if (!Array.isArray(value)) throw noDocuments(value, where);
  if (typeof value[0] === 'number' || value.length === 0) {
    const bad = value.findIndex((id) => typeof id !== 'number');
    if (bad < 0) return [value];
    throw noDocuments(value[bad], `${where}, token ${bad}`);
  }
  return value.map((item: unknown, i) => {
    const ids = isRecord(item) ? item['tokens'] : item;
    if (isIds(ids)) return ids;
    throw noDocuments(item, `${where}, document ${i + 1}`);
  });
}

function noDocuments(found: unknown, where: string): FormatError {
  return new FormatError(`the tokens must be ids or documents of ids, not ${show(found)}`, {
    where,
    hint: `give ${FORMS}`,
  });
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

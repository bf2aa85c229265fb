/** celadon run: text from a model, on any target. */
import { setImmediate as pause } from 'node:timers/promises';
import type { Command } from 'commander';
import { UsageError } from '../base/index.ts';
import {
  ModelRunner,
  type Generation,
  type SamplingOptions,
  type TokenConstraint,
} from '../engine/index.ts';
import { messageOf, type ChatMessage, type Model } from '../model/index.ts';
import { Trace } from '../trace/index.ts';
import { addShapeOptions, constrain, grammarOf, type ShapeOptions } from './answerShape.ts';
import { choice, decimal, wholeNumber } from './arguments.ts';
import {
  DRAFT_KINDS,
  draftsOf,
  formatDrafts,
  openHead,
  requireDrafts,
  stepsOf,
  type DraftOptions,
  type Runners,
} from './drafts.ts';
import { noteSkipped, openModel } from './models.ts';
import { NewFile } from './newFile.ts';
import { Output, type GlobalOptions } from './output.ts';
import { formatRates, ratesOf } from './rates.ts';
import { addTargetOptions } from './targetOptions.ts';
import { chooseTarget, createTarget, type TargetChoice, type TargetRequest } from './targets.ts';
import { writeTrace } from './traceFile.ts';

/** The cycles of a trace of a target that has none of its own. */
const NANOSECONDS_PER_SECOND = 1e9;

interface RunOptions extends GlobalOptions, DraftOptions, TargetRequest, ShapeOptions {
  readonly prompt: string;
  readonly chat?: boolean;
  readonly tokens: number;
  readonly seed: number;
  readonly temperature: number;
  readonly topK: number;
  readonly topP: number;
  readonly trace?: string;
}

export function addRun(program: Command): void {
  addShapeOptions(
    addTargetOptions(
      program
        .command('run')
        .description('generate text')
        .argument('<model>', 'folder, .gguf file, hf:ORG/NAME or built-in name')
        .requiredOption(
          '-p, --prompt <text>',
          'text to continue; special tokens in it are recognised',
        )
        .option('--chat', 'put the prompt into the chat template of the model'),
    ),
  )
    .option('-n, --tokens <count>', 'most tokens to generate', wholeNumber(1), 128)
    .option('--seed <number>', 'seed of sampling', wholeNumber(), 0)
    .option('--temperature <number>', '0 takes the likeliest token', decimal(0, 100), 0)
    .option('--top-k <count>', 'draw from the k likeliest; 0: from all', wholeNumber(), 0)
    .option('--top-p <share>', 'draw from the likeliest with this share together', decimal(0, 1), 1)
    .addOption(choice('--draft <kind>', 'guess with the MTP head; same tokens', DRAFT_KINDS))
    .option('--draft-tokens <count>', 'guesses a step (default: 1)', wholeNumber(1))
    .option('--trace <file>', 'write a trace for ui.perfetto.dev')
    .action((model: string, _: unknown, command: Command) =>
      run(model, command.optsWithGlobals<RunOptions>()),
    );
}

async function run(name: string, options: RunOptions): Promise<void> {
  const output = new Output(options);
  const choice = await chooseTarget(options);
  requireDrafts(options);
  const grammar = await grammarOf(options, options.draft);
  const traced = openTrace(choice, options);
  const model = openModel(name);
  noteSkipped(model, output, options.draft === 'mtp');
  const prompt = encodePrompt(model, options);
  const runners = await openRunners(model, choice, prompt, options, traced?.trace);
  const constraint = grammar && (await constrain(grammar, model));
  const generation = await stream(runners, { model, prompt, constraint }, options, output);
  if (traced !== undefined) writeTrace(traced.file, traced.trace, output);
  report({ model, choice, prompt, generation, output, options });
}

/** The file is opened before the work, so that a place which cannot be written costs no time. */
function openTrace(
  { target, chip }: TargetChoice,
  { trace }: RunOptions,
): { trace: Trace; file: NewFile } | undefined {
  if (trace === undefined) return undefined;
  if (target === 'reference') {
    throw new UsageError('a trace must be of a target that keeps times: reference has none', {
      where: '--trace',
      hint: 'take --target cpu or --target jade',
    });
  }
  const clockHz = chip?.clockHz ?? NANOSECONDS_PER_SECOND;
  return { trace: new Trace({ clockHz }), file: new NewFile(trace) };
}

function encodePrompt(model: Model, { prompt, chat = false }: RunOptions): number[] {
  const text = chat ? model.chat.apply([{ role: 'user', content: prompt }]) : prompt;
  return model.tokenizer.encode(text);
}

/** The context has room for what is asked for, and never more than the model has. */
async function openRunners(
  model: Model,
  choice: TargetChoice,
  prompt: readonly number[],
  { tokens, draft }: RunOptions,
  trace: Trace | undefined,
): Promise<Runners> {
  const { max_position_embeddings: most } = model.config.config;
  const contextTokens = Math.min(prompt.length + tokens, most);
  const target = await createTarget(choice, contextTokens, { model });
  const opened = trace === undefined ? {} : { trace };
  if (draft !== undefined) return openHead(model, target, contextTokens, opened);
  const device = target.open(opened);
  const graph = model.graph({ logits: 'last' });
  return { runner: new ModelRunner(graph, target, device, contextTokens) };
}

/** What is to be answered, and what the answer must be like. */
interface Question {
  readonly model: Model;
  readonly prompt: readonly number[];
  readonly constraint: TokenConstraint | undefined;
}

/** Whether the text has an end of its own, which is not shown. */
function isAnswer({ chat = false, schema, grammar }: RunOptions): boolean {
  return chat || schema !== undefined || grammar !== undefined;
}

/** Generates, showing the text as it comes; lets go of the thread after each step. */
async function stream(
  runners: Runners,
  { model, prompt, constraint }: Question,
  options: RunOptions,
  output: Output,
): Promise<Generation> {
  const text = model.tokenizer.stream({ skipSpecial: isAnswer(options) });
  const show = (piece: string): void => {
    if (!output.json && piece !== '') output.write(piece);
  };
  const request = {
    maxNewTokens: options.tokens,
    eosTokenIds: model.checkpoint.generation.eosTokenIds,
    sampling: samplingOf(options),
    ...(constraint && { constraint }),
  };
  const steps = stepsOf(runners, prompt, request, options);
  for (let next = steps.next(); ; next = steps.next()) {
    if (next.done) {
      show(`${text.end()}\n`);
      return next.value;
    }
    const event = next.value;
    if (event.kind === 'token') show(text.push(event.token));
    else
      output.progress(
        `prompt: ${event.step.position + event.step.count} of ${prompt.length} tokens`,
      );
    await pause();
  }
}

function samplingOf({ temperature, topK, topP, seed }: RunOptions): SamplingOptions {
  return { temperature, topK, topP, seed };
}

function report(done: {
  readonly model: Model;
  readonly choice: TargetChoice;
  readonly prompt: readonly number[];
  readonly generation: Generation;
  readonly output: Output;
  readonly options: RunOptions;
}): void {
  const { model, choice, prompt, generation, output, options } = done;
  const { chat = false } = options;
  const { prefill, decode, tokens, finishReason } = generation;
  if (!output.json) {
    output.note(`${formatRates(generation, choice.chip)}${formatDrafts(generation)}`);
    noteCores(choice, output);
    return;
  }
  const cycles = prefill.cycles === null ? null : prefill.cycles + (decode.cycles ?? 0);
  const text = model.tokenizer.decode([...tokens], { skipSpecial: isAnswer(options) });
  output.result({
    model: model.name,
    target: choice.target,
    chip: choice.chip?.name ?? null,
    promptTokens: prompt,
    tokens,
    text,
    ...(chat && { message: answerOf(model, prompt, text) }),
    finishReason,
    drafts: draftsOf(generation, options),
    timings: ratesOf(generation),
    cycles,
    prefillCycles: prefill.cycles,
    decodeCycles: prefill.cycles === null ? null : (decode.cycles ?? 0),
    clockHz: choice.chip?.clockHz ?? null,
  });
}

/** The answer with its thoughts and calls apart, as the OpenAI API has it. */
function answerOf(model: Model, prompt: readonly number[], text: string): ChatMessage {
  const reply = model.chat.startReply(model.tokenizer.decode(prompt));
  return messageOf([...reply.push(text), ...reply.end()]);
}

/** A program is for one core: what several cores do together is estimated by `celadon explore`, not run. */
function noteCores({ target, chip }: TargetChoice, output: Output): void {
  if (target !== 'jade' || chip === null || chip.cores === 1) return;
  output.note(`on one of the ${chip.cores} cores of ${chip.name}`);
}

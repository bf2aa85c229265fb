/** celadon bench: tokens a second of a model on a target, in the vocabulary and the formats of llama-bench. */
import os from 'node:os';
import { setImmediate as pause } from 'node:timers/promises';
import { InvalidArgumentError, type Command } from 'commander';
import { CapacityError, UsageError } from '../base/index.ts';
import { countParameters } from '../cost/index.ts';
import { contextOf, ThroughputBench, timedTokens, type ThroughputTest } from '../engine/index.ts';
import type { Model } from '../model/index.ts';
import { choice, wholeNumber } from './arguments.ts';
import {
  BENCH_FORMATS,
  formatBench,
  formatMemory,
  type BenchFormat,
  type BenchRow,
  type MemoryUse,
} from './benchRows.ts';
import { forgetOpening } from './heap.ts';
import { noteSkipped, openModel } from './models.ts';
import { Output, type GlobalOptions } from './output.ts';
import { addTargetOptions } from './targetOptions.ts';
import { chooseTarget, createTarget, type TargetChoice, type TargetRequest } from './targets.ts';

interface BenchOptions extends GlobalOptions, TargetRequest {
  readonly prompt: readonly number[];
  readonly generate: readonly number[];
  readonly depth: readonly number[];
  readonly sequences: readonly number[];
  readonly repetitions: number;
  readonly output: BenchFormat;
}

const DEFAULT_PROMPT = [512];
const DEFAULT_GENERATE = [128];

export function addBench(program: Command): void {
  addTargetOptions(
    program
      .command('bench')
      .description('tokens a second: prompts (pp512) and generation (tg128), as llama-bench has it')
      .argument('<model>', 'folder, .gguf file, hf:ORG/NAME or built-in name'),
  )
    .option('-p, --prompt <counts>', 'prompt tokens, 0: none', counts(0), DEFAULT_PROMPT)
    .option('-n, --generate <counts>', 'generated tokens, 0: none', counts(0), DEFAULT_GENERATE)
    .option('-d, --depth <counts>', 'tokens before the first that is timed', counts(0), [0])
    .option('-s, --sequences <counts>', 'sequences side by side', counts(1), [1])
    .option('-r, --repetitions <count>', 'timed repetitions of each test', wholeNumber(1), 5)
    .addOption(choice('-o, --output <format>', 'of the result', BENCH_FORMATS).default('md'))
    .action((model: string, _: unknown, command: Command) =>
      bench(model, command.optsWithGlobals<BenchOptions>()),
    );
}

/** Numbers with commas between them: 128,512. */
function counts(least: number): (text: string) => number[] {
  const one = wholeNumber(least);
  return (text) => {
    const values = text.split(',').map(one);
    if (new Set(values).size === values.length) return values;
    throw new InvalidArgumentError('Each number must be there once.');
  };
}

async function bench(name: string, options: BenchOptions): Promise<void> {
  const output = new Output(options);
  const chosen = await chooseTarget(options);
  const tests = testsOf(options);
  const model = openModel(name);
  noteSkipped(model, output);
  const contextTokens = requireContext(model, tests);
  const target = await createTarget(chosen, contextTokens, { model });
  const graph = model.graph({ logits: 'last' });
  const parameters = countParameters(graph).total;
  const runner = new ThroughputBench(graph, target);
  const rows: BenchRow[] = [];
  for (const [i, test] of tests.entries()) {
    const samples = [];
    for (const sample of runner.samples(test, options.repetitions)) {
      samples.push(sample);
      if (rows.length === 0 && samples.length === 1) forgetOpening();
      output.progress(
        `test ${i + 1} of ${tests.length}: ${samples.length} of ${options.repetitions}`,
      );
      await pause();
    }
    const testTime = new Date().toISOString();
    const memory = memoryUse(runner);
    rows.push({ ...subjectOf(model, chosen, parameters), test, testTime, memory, samples });
  }
  output.done();
  output.note(formatMemory(rows.at(-1)!.memory));
  runner.close();
  output.write(formatBench(rows, output.json ? 'json' : options.output));
}

function memoryUse({ bytes }: ThroughputBench): MemoryUse {
  const residentBytes = process.memoryUsage.rss();
  // Linux adds up what threads have taken from time to time, and its peak may be behind.
  const peakBytes = Math.max(residentBytes, process.resourceUsage().maxRSS * 1024);
  return { peakBytes, residentBytes, model: bytes };
}

/** Prompts, then generations, each at every depth and with every number of sequences. */
function testsOf({ prompt, generate, depth, sequences }: BenchOptions): ThroughputTest[] {
  const kinds = [
    ...prompt.map((promptTokens) => ({ promptTokens, generatedTokens: 0 })),
    ...generate.map((generatedTokens) => ({ promptTokens: 0, generatedTokens })),
  ];
  const tests = kinds
    .flatMap((kind) => depth.map((depthTokens) => ({ ...kind, depthTokens })))
    .flatMap((kind) => sequences.map((count) => ({ ...kind, sequences: count })))
    .filter((test) => timedTokens(test) > 0);
  if (tests.length > 0) return tests;
  throw new UsageError('there must be a test, of a prompt or of generation, not none', {
    where: 'celadon bench',
    hint: 'give -p or -n a number above 0',
  });
}

/** Tokens of context that all tests fit into. Throws CapacityError beyond what the model has. */
function requireContext({ config }: Model, tests: readonly ThroughputTest[]): number {
  const most = config.config.max_position_embeddings;
  const wanted = tests.reduce((longest, test) => Math.max(longest, contextOf(test)), 0);
  if (wanted <= most) return wanted;
  throw new CapacityError(`a test must have at most ${most} tokens of context, not ${wanted}`, {
    where: 'celadon bench',
    hint: 'give smaller numbers to -p, -n and -d',
  });
}

/** What is measured, apart from the test. */
function subjectOf(model: Model, { target, chip }: TargetChoice, parameters: number) {
  const { checkpoint, name } = model;
  const stored = checkpoint.tensorNames().map((tensor) => checkpoint.info(tensor));
  const bytesByFormat = Map.groupBy(stored, ({ dtype }) => dtype);
  const sizes = [...bytesByFormat].map(([format, infos]) => ({
    format,
    bytes: infos.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
  }));
  const largest = sizes.reduce((a, b) => (b.bytes > a.bytes ? b : a));
  return {
    model: name,
    modelType: `${model.config.family} ${largest.format}`,
    modelBytes: sizes.reduce((sum, { bytes }) => sum + bytes, 0),
    parameters,
    target,
    chip,
    processor: os.cpus()[0]?.model.trim() ?? 'unknown',
  };
}

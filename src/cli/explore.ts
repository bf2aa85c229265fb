/** celadon explore: chips of the Jade template for models, a workload and limits: the best of a design space. */
import os from 'node:os';
import type { Command } from 'commander';
import packageJson from '../../package.json' with { type: 'json' };
import { UsageError } from '../base/index.ts';
import type { Workload } from '../cluster/index.ts';
import {
  DEFAULT_OBJECTIVES,
  defineChipStudy,
  exploreChips,
  parseObjectives,
  SEARCHES,
  type Explored,
  type SearchName,
  type StudyDefinition,
  type StudyProgress,
} from '../explore/index.ts';
import { choice, wholeNumber } from './arguments.ts';
import { openConfiguration } from './configuration.ts';
import { frontResult, frontTable, nearestText } from './exploreResult.ts';
import { Output, type GlobalOptions } from './output.ts';
import { parseWorkload } from './planOptions.ts';

export interface ExploreOptions extends GlobalOptions {
  readonly workload: Workload;
  readonly limits?: string;
  readonly space: string;
  readonly objectives: string;
  readonly search: SearchName;
  readonly evaluations: number;
  readonly seed: number;
  readonly threads: number;
  readonly output?: string;
}

export function addExplore(program: Command): void {
  program
    .command('explore')
    .description('search chips of the Jade template for models, a workload and limits')
    .argument('<models...>', 'names of the catalogue, folders or .gguf files; tokens of all count alike')
    .option(
      '--workload <w>',
      'tokens of a request, and requests at once: input=1024,output=1024,concurrency=16',
      parseWorkload,
      { input: 1024, output: 1024, concurrency: 64 },
    )
    .option('--limits <file.json>', 'what no chip may exceed: {"areaMm2": 600, "tpp": 4800}')
    .option('--space <name|file.json>', 'the chips to choose from', 'datacentre')
    .option('--objectives <list>', 'what is wanted', DEFAULT_OBJECTIVES)
    .addOption(
      choice('--search <name>', 'auto: whole spaces when small', SEARCHES).default('auto'),
    )
    .option('--evaluations <n>', 'designs to evaluate at most', wholeNumber(1, 1e8), 20_000)
    .option('--seed <n>', 'of the search', wholeNumber(0), 1)
    .option('--threads <n>', 'threads', wholeNumber(1, 1024), os.availableParallelism())
    .option('-o, --output <study.db>', 'keep the study there; it goes on where it was')
    .action((models: readonly string[], _: unknown, command: Command) =>
      explore(models, command.optsWithGlobals<ExploreOptions>()),
    );
}

async function explore(models: readonly string[], options: ExploreOptions): Promise<void> {
  const output = new Output(options);
  const definition = await definitionFor(models, options);
  const stop = new AbortController();
  const explored = await exploreChips(definition, {
    file: options.output,
    threads: options.threads,
    signal: stop.signal,
    onProgress: (progress) => output.progress(progressText(progress)),
  });
  output.done();
  if (output.json) output.result(frontResult(explored));
  else print(explored, output);
  if (explored.front.length === 0) process.exitCode = 4;
}

async function definitionFor(
  names: readonly string[],
  options: ExploreOptions,
): Promise<StudyDefinition> {
  const repeated = names.find((name, i) => names.indexOf(name) !== i);
  if (repeated !== undefined)
    throw new UsageError(`models must be different ones, not ${repeated} twice`, {
      where: 'celadon explore',
      hint: 'name each model once',
    });
  const { workload, limits, space, search, seed, evaluations } = options;
  return defineChipStudy({
    models: names.map((name) => {
      const { raw } = openConfiguration(name);
      return { name, raw, weight: 1 / names.length };
    }),
    workload: {
      inputTokens: workload.input,
      outputTokens: workload.output,
      concurrency: workload.concurrency,
    },
    ...{ limits, space },
    search: { name: search, seed, evaluations },
    objectives: parseObjectives(options.objectives),
    celadon: { version: packageJson.version, commit: null },
  });
}

function progressText({ finished, pointsPerSecond, secondsLeft }: StudyProgress): string {
  const left = secondsLeft === undefined ? '' : `, at most ${Math.ceil(secondsLeft)} s left`;
  return `${finished} designs, ${Math.round(pointsPerSecond)} a second${left}`;
}

function print(explored: Explored, output: Output): void {
  const { result, seconds, nearest } = explored;
  const { evaluations, overLimits, bounded, proven } = result;
  if (nearest !== undefined) output.line(nearestText(explored, nearest));
  else output.line(frontTable(explored));
  output.note(
    `${evaluations} designs evaluated, ${overLimits} over limits, ${bounded} below bounds, in ${seconds.toFixed(1)} s; ` +
      (proven ? 'every design of the space is accounted for' : 'the space is larger than the search'),
  );
}

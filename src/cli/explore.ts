/** celadon explore: chips of the Jade template for models, a workload and limits: the best of a design space. */
import os from 'node:os';
import path from 'node:path';
import type { Command } from 'commander';
import packageJson from '../../package.json' with { type: 'json' };
import { UsageError } from '../base/index.ts';
import type { Workload } from '../cluster/index.ts';
import {
  defineChipStudy,
  exploreChips,
  SEARCHES,
  variantsOf,
  type Explored,
  type ExploredVariant,
  type Reference,
  type SearchName,
  type StudiedModel,
  type StudyDefinition,
  type StudyProgress,
} from '../explore/index.ts';
import { choice, wholeNumber } from './arguments.ts';
import { openConfiguration } from './configuration.ts';
import { REFERENCE_CHIPS, referencesFor } from './exploreReferences.ts';
import { codesignResult, frontResult, frontTable, nothingText } from './exploreResult.ts';
import { codesignReport, codesignText, readVariants } from './exploreVariants.ts';
import { Output, type GlobalOptions } from './output.ts';
import { parseWorkload } from './planOptions.ts';

/** The exit code of what does not fit. */
const NOTHING_FITS = 4;

interface ExploreOptions extends GlobalOptions {
  readonly workload: Workload;
  readonly limits?: string;
  readonly space: string;
  readonly references: readonly string[];
  readonly variants?: string;
  readonly objectives?: string;
  readonly search: SearchName;
  readonly evaluations: number;
  readonly seed: number;
  readonly threads: number;
  readonly output?: string | undefined;
}

export function addExplore(program: Command): void {
  program
    .command('explore')
    .description('search chips of the Jade template for models, a workload and limits')
    .argument(
      '<models...>',
      'names of the catalogue, folders or .gguf files; tokens of all count alike',
    )
    .option(
      '--workload <w>',
      'tokens of a request, and requests at once: input=1024,output=1024,concurrency=16',
      parseWorkload,
      { input: 1024, output: 1024, concurrency: 64 },
    )
    .option('--limits <file.json>', 'what no chip may exceed: {"areaMm2": 600, "tpp": 4800}')
    .option('--space <name|file.json>', 'the chips to choose from', 'datacentre')
    .option(
      '--references <ids>',
      'chips of celadon chips beside them; none: no chips',
      names,
      names(REFERENCE_CHIPS),
    )
    .option('--variants <file.json>', 'what of the model may change too: {"experts": [128, 512]}')
    .option('--objectives <list>', 'what is wanted: tokensPerSecond,tpotMs')
    .addOption(choice('--search <name>', 'auto: whole spaces when small', SEARCHES).default('auto'))
    .option('--evaluations <n>', 'designs to evaluate at most', wholeNumber(1, 1e8), 20_000)
    .option('--seed <n>', 'of the search', wholeNumber(0), 1)
    .option('--threads <n>', 'threads', wholeNumber(1, 1024), os.availableParallelism())
    .option('-o, --output <study.db>', 'keep the study there; it goes on where it was')
    .action((models: readonly string[], _: unknown, command: Command) =>
      explore(models, command.optsWithGlobals<ExploreOptions>()),
    );
}

/** `none`, or ids with commas between. */
function names(text: string): string[] {
  return text === 'none' ? [] : text.split(',').map((name) => name.trim());
}

async function explore(models: readonly string[], options: ExploreOptions): Promise<void> {
  const output = new Output(options);
  requireDifferent(models);
  if (options.variants !== undefined) return codesign(models, options.variants, options, output);
  const explored = await runOne(models.map(publishedModel), options, output);
  const references = referencesFor(models, options.references, options.workload);
  if (output.json) output.result({ ...frontResult(explored), references });
  else print(explored, references, output);
  if (explored.front.length === 0) process.exitCode = NOTHING_FITS;
}

/** Every variant with the chips that suit it. */
async function codesign(
  [name, ...others]: readonly string[],
  file: string,
  options: ExploreOptions,
  output: Output,
): Promise<void> {
  if (others.length > 0)
    throw new UsageError(`variants must be of one model, not of ${1 + others.length}`, {
      where: '--variants',
      hint: 'explore one model at a time',
    });
  const { raw } = openConfiguration(name!);
  const { variants, rejected } = variantsOf({ name: name!, raw }, readVariants(file));
  const explored: ExploredVariant[] = [];
  for (const [i, variant] of variants.entries()) {
    const study = options.output && studyOfVariant(options.output, i);
    const model = { name: `${name} ${variant.name}`, raw: variant.raw, weight: 1 };
    output.note(`${i + 1} of ${variants.length}: ${variant.name}`);
    const own = { ...options, output: study };
    explored.push({ variant: variant.name, explored: await runOne([model], own, output) });
  }
  const report = codesignReport(explored, rejected);
  if (output.json) output.result(codesignResult(report));
  else output.line(codesignText(report));
  if (report.front.length === 0) process.exitCode = NOTHING_FITS;
}

/** `study.db`, `study.1.db`, …: a study is of one model. */
function studyOfVariant(file: string, i: number): string {
  if (i === 0) return file;
  const { dir, name, ext } = path.parse(file);
  return path.join(dir, `${name}.${i}${ext}`);
}

async function runOne(
  models: readonly StudiedModel[],
  options: ExploreOptions,
  output: Output,
): Promise<Explored> {
  const explored = await exploreChips(await definitionFor(models, options), {
    file: options.output,
    threads: options.threads,
    onProgress: (progress) => output.progress(progressText(progress)),
  });
  output.done();
  return explored;
}

function requireDifferent(names: readonly string[]): void {
  const repeated = names.find((name, i) => names.indexOf(name) !== i);
  if (repeated === undefined) return;
  throw new UsageError(`models must be different ones, not ${repeated} twice`, {
    where: 'celadon explore',
    hint: 'name each model once',
  });
}

function publishedModel(name: string, _: number, all: readonly string[]): StudiedModel {
  return { name, raw: openConfiguration(name).raw, weight: 1 / all.length };
}

async function definitionFor(
  models: readonly StudiedModel[],
  options: ExploreOptions,
): Promise<StudyDefinition> {
  const { workload, limits, space, search, seed, evaluations } = options;
  return defineChipStudy({
    models,
    workload: {
      inputTokens: workload.input,
      outputTokens: workload.output,
      concurrency: workload.concurrency,
    },
    ...{ limits, space },
    search: { name: search, seed, evaluations },
    objectives: options.objectives,
    celadon: { version: packageJson.version, commit: null },
  });
}

function progressText({ finished, pointsPerSecond, secondsLeft }: StudyProgress): string {
  const left = secondsLeft === undefined ? '' : `, at most ${Math.ceil(secondsLeft)} s left`;
  return `${finished} designs, ${Math.round(pointsPerSecond)} a second${left}`;
}

function print(explored: Explored, references: readonly Reference[], output: Output): void {
  const { result, seconds } = explored;
  const { evaluations, overLimits, bounded, proven } = result;
  if (explored.front.length === 0) output.line(nothingText(explored));
  else output.line(frontTable(explored, references));
  output.note(
    `${evaluations} designs evaluated, ${overLimits} over limits, ${bounded} below bounds, in ${seconds.toFixed(1)} s; ` +
      (proven
        ? 'every design of the space is accounted for'
        : 'the space is larger than the search'),
  );
}

/** celadon explore: chips of the Jade template for models, a workload and limits: the best of a design space. */
import os from 'node:os';
import path from 'node:path';
import type { Command } from 'commander';
import { UsageError } from '../base/index.ts';
import type { Workload } from '../cluster/index.ts';
import {
  defineChipStudy,
  explainDesign,
  exploreChips,
  queueEvaluator,
  roofsOf,
  requireDraftHead,
  SEARCHES,
  variantsOf,
  type Evaluator,
  type Explanation,
  type Explored,
  type ExploredVariant,
  type Reference,
  type SearchName,
  type StudiedModel,
  type StudyDefinition,
  type StudyProgress,
} from '../explore/index.ts';
import { parseModelConfig } from '../model/index.ts';
import { choice, decimal, wholeNumber } from './arguments.ts';
import { openConfiguration } from './configuration.ts';
import { REFERENCE_CHIPS, referencesFor } from './exploreReferences.ts';
import { requireReports, writeReports } from './exploreFiles.ts';
import { explanationText } from './exploreExplain.ts';
import { codesignResult, frontResult, frontTable, nothingText } from './exploreResult.ts';
import {
  differs,
  funnelOptions,
  NOTHING_RUN,
  runFunnel,
  tablesOf,
  type Funnel,
  type FunnelRequest,
} from './exploreTop.ts';
import { codesignReport, codesignText, readVariants } from './exploreVariants.ts';
import { Output, type GlobalOptions } from './output.ts';
import { parseWorkload } from './planOptions.ts';
import { formatTable } from './table.ts';
import { thisCeladon } from './version.ts';

/** The exit code of what does not fit, and of RTL that does other than the simulator. */
const NOTHING_FITS = 4;
const DIFFERS = 1;

interface ExploreOptions extends GlobalOptions, FunnelRequest {
  readonly workload: Workload;
  readonly limits?: string;
  readonly space: string;
  readonly references: readonly string[];
  readonly acceptance?: number;
  readonly variants?: string;
  readonly objectives?: string;
  readonly search: SearchName;
  readonly evaluations: number;
  readonly seed: number;
  readonly threads: number;
  readonly queue?: string;
  readonly report?: readonly string[];
  readonly explain?: number;
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
    .option('--acceptance <share>', 'drafts of the MTP head, and how many are right', decimal(0, 1))
    .option('--variants <file.json>', 'what of the model may change too: {"experts": [128, 512]}')
    .option('--objectives <list>', 'what is wanted: tokensPerSecond,tpotMs')
    .addOption(choice('--search <name>', 'auto: whole spaces when small', SEARCHES).default('auto'))
    .option('--evaluations <n>', 'designs to evaluate at most', wholeNumber(1, 1e8), 20_000)
    .option('--seed <n>', 'of the search', wholeNumber(0), 1)
    .option('--threads <n>', 'threads', wholeNumber(1, 1024), os.availableParallelism())
    .option('--queue <url>', 'evaluate on workers of a Redis or Valkey server, not here')
    .option('--explain <n>', 'explain the best designs of the front', wholeNumber(1, 100))
    .option(
      '--level <n>',
      '1: run the front at L1 too, and say how far L0 was off',
      wholeNumber(0, 1),
      0,
    )
    .option(
      '--verify-top <k>',
      'run the best chips at all levels, as RTL, and synthesise them',
      wholeNumber(1, 100),
    )
    .option('--verify-model <model>', 'a small model that --verify-top plays on the RTL too')
    .option(
      '--liberty <folder>',
      'Liberty files for --verify-top; CELADON_LIBERTY names them too. Without them nothing is synthesised',
    )
    .option('--report <files...>', 'write reports: .html, .svg, .md, .csv, .json, .parquet')
    .option('-o, --output <study.db>', 'keep the study there; it goes on where it was')
    .action((models: readonly string[], _: unknown, command: Command) =>
      explore(models, command.optsWithGlobals<ExploreOptions>()),
    );
}

/** `none`, or ids with commas between. */
function names(text: string): string[] {
  return text === 'none' ? [] : text.split(',').map((name) => name.trim());
}

async function explore(names: readonly string[], options: ExploreOptions): Promise<void> {
  const output = new Output(options);
  requireDifferent(names);
  requireReports(options.report ?? []);
  // What the funnel needs is opened before the search, so that a wrong name costs nothing.
  const wanted = funnelOptions(options);
  if (options.variants !== undefined) return codesign(names, options.variants, options, output);
  const models = names.map((name) => publishedModel(name, 1 / names.length, options.acceptance));
  const references = referencesFor(names, options.references, options.workload);
  const title = `Chips for ${names.join(', ')}`;
  let funnel: Funnel = NOTHING_RUN;
  const explored = await runOne(models, options, output, async (study, front) => {
    funnel = await runFunnel(front, models, wanted, output);
    const roofs = roofsOf(front.map(({ design }) => design));
    const tables = tablesOf(funnel, front);
    return writeReports(options.report ?? [], study, { title, references, roofs, tables });
  });
  const explanations = await explain(explored, options.explain ?? 0);
  output.done();
  const beside = { references, explanations, ...funnel };
  if (output.json) output.result({ ...frontResult(explored), ...beside });
  else print(explored, beside, output);
  if (explored.front.length === 0) process.exitCode = NOTHING_FITS;
  else if (differs(funnel)) process.exitCode = DIFFERS;
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
  const source = { name: name!, raw, acceptance: options.acceptance };
  const { variants, rejected } = variantsOf(source, readVariants(file));
  const explored: ExploredVariant[] = [];
  for (const [i, variant] of variants.entries()) {
    const study = options.output && studyOfVariant(options.output, i);
    const { raw, acceptance } = variant;
    const model = { name: `${name} ${variant.name}`, raw, weight: 1, acceptance };
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
  read?: Parameters<typeof exploreChips>[1]['read'],
): Promise<Explored> {
  const definition = await definitionFor(models, options);
  const { queue, threads, output: file } = options;
  const explored = await exploreChips(definition, {
    ...{ file, threads, read },
    evaluator: queue === undefined ? undefined : await workersOf(queue, definition, output),
    onProgress: (progress) => output.progress(progressText(progress)),
  });
  output.done();
  return explored;
}

/** Workers may come at any time, so that there are none yet is worth a word and no error. */
async function workersOf(
  queue: string,
  definition: StudyDefinition,
  output: Output,
): Promise<Evaluator> {
  const evaluator = await queueEvaluator(queue, definition);
  if ((await evaluator.countWorkers()) === 0)
    output.note(`no worker yet: start some with celadon explore-worker --queue ${queue}`);
  return evaluator;
}

async function explain(explored: Explored, designs: number): Promise<Explanation[]> {
  const explanations: Explanation[] = [];
  for (let i = 0; i < Math.min(designs, explored.front.length); i++)
    explanations.push(await explainDesign(explored, i));
  return explanations;
}

function requireDifferent(names: readonly string[]): void {
  const repeated = names.find((name, i) => names.indexOf(name) !== i);
  if (repeated === undefined) return;
  throw new UsageError(`models must be different ones, not ${repeated} twice`, {
    where: 'celadon explore',
    hint: 'name each model once',
  });
}

/** Throws UnsupportedError where drafts are asked for and the model has no head for them. */
function publishedModel(
  name: string,
  weight: number,
  acceptance: number | undefined,
): StudiedModel {
  const { raw } = openConfiguration(name);
  if (acceptance !== undefined) requireDraftHead(parseModelConfig(raw, name));
  return { name, raw, weight, acceptance };
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
    celadon: thisCeladon(),
  });
}

function progressText({ finished, pointsPerSecond, secondsLeft }: StudyProgress): string {
  const left = secondsLeft === undefined ? '' : `, at most ${Math.ceil(secondsLeft)} s left`;
  return `${finished} designs, ${Math.round(pointsPerSecond)} a second${left}`;
}

interface Beside extends Funnel {
  readonly references: readonly Reference[];
  readonly explanations: readonly Explanation[];
}

function print(explored: Explored, beside: Beside, output: Output): void {
  const { references, explanations } = beside;
  const { result, seconds } = explored;
  const { evaluations, overLimits, bounded, proven } = result;
  if (explored.front.length === 0) output.line(nothingText(explored));
  else output.line(frontTable(explored, references));
  const objectives = explored.definition.objectives.map(({ metric }) => metric);
  for (const each of explanations) output.line(`\n${explanationText(each, objectives)}`);
  for (const { title, columns, rows } of tablesOf(beside, explored.front))
    output.line(`\n${title}\n${formatTable([columns, ...rows])}`);
  output.note(
    `${evaluations} designs evaluated, ${overLimits} over limits, ${bounded} below bounds, in ${seconds.toFixed(1)} s; ` +
      (proven
        ? 'every design of the space is accounted for'
        : 'the space is larger than the search'),
  );
}

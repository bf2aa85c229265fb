/** celadon check: what runs on a chip, what falls back, what is missing, and whether it fits. */
import type { Command } from 'commander';
import { nearestName, UsageError, type Document } from '../base/index.ts';
import {
  chipNames,
  loadAccelerator,
  loadAccelerators,
  loadChip,
  loadDefects,
  loadSoftwareStacks,
  loadUnitFormats,
  type Accelerator,
  type SoftwareStack,
} from '../chip/index.ts';
import type { Layout } from '../cluster/index.ts';
import {
  checkDocument,
  checkModel,
  exitCodeOf,
  matrixDocument,
  overviewDocument,
  PRECISION_NAMES,
  PUBLISHED,
  VERDICTS,
  type CheckReport,
  type CheckRequest,
  type Knowledge,
  type PrecisionName,
} from '../interop/index.ts';
import { catalogueModelNames } from '../model/index.ts';
import { choice, wholeNumber } from './arguments.ts';
import { catalogueModel, modelToCheck, type CheckedModel } from './checkModels.ts';
import { Output, type GlobalOptions } from './output.ts';
import { parseLayout } from './planOptions.ts';
import { ownReport } from './ownChip.ts';
import { formatOption, linkEnding, outputOption, publish, type PublishOptions } from './publish.ts';

interface CheckOptions extends GlobalOptions, PublishOptions {
  readonly chip?: string;
  readonly stack?: string;
  readonly all?: true;
  readonly context?: number;
  readonly batch: number;
  readonly count?: number;
  readonly precision: PrecisionName;
  readonly layout?: Layout;
}

export function addCheck(program: Command): void {
  program
    .command('check')
    .description(
      'what of a model runs on a chip or a stack, what falls back, what is missing; does it fit',
    )
    .argument('[model]', 'catalogue name, config.json, folder or .gguf file')
    .option('--chip <id>', 'of the catalogue (celadon chips), or a chip of ours')
    .option('--stack <id>', 'software to look at: a file of catalogue/software')
    .option('--all', 'all models of the catalogue × all its chips')
    .option(
      '--context <tokens>',
      'of a sequence; 8192 or what the model has when left out',
      wholeNumber(1),
    )
    .option('--batch <sequences>', 'sequences at a time', wholeNumber(1), 1)
    .option('--count <chips>', 'chips; as many as are enough when left out', wholeNumber(1))
    .addOption(
      choice('--precision <name>', 'what the weights are served in', PRECISION_NAMES).default(
        PUBLISHED,
      ),
    )
    .option(
      '--layout <l>',
      'tensor, pipeline, data, expert parallelism: tp=8,pp=1,dp=1,ep=8',
      parseLayout,
    )
    .addOption(formatOption())
    .addOption(outputOption())
    .action((model: string | undefined, _: unknown, command: Command) =>
      check(model, command.optsWithGlobals<CheckOptions>()),
    );
}

async function check(name: string | undefined, options: CheckOptions): Promise<void> {
  const output = new Output(options);
  if (options.all) {
    const request = { ...requestOf(options), contextTokens: options.context ?? DEFAULT_CONTEXT };
    return matrix(catalogueModelNames(), loadAccelerators(), request, options, output);
  }
  if (name === undefined) {
    throw new UsageError('a model or --all is required, not nothing', {
      where: '<model>',
      hint: 'celadon check deepseek-v4-flash --chip huawei-ascend-910c',
    });
  }
  const rest = requestOf(options);
  const model = modelToCheck(name);
  const request = { ...rest, contextTokens: contextOf(model, options.context) };
  if (options.chip === undefined) return overview(model, request, options, output);
  const report = await reportOf(model, options.chip, request);
  if (output.json) output.result(inJson(report));
  else publish({ [`${report.model}-${report.chip}`]: checkDocument(report) }, options, output);
  process.exitCode = exitCodeOf(report.verdict);
}

const DEFAULT_CONTEXT = 8192;

/** Layouts as `--layout` takes them. */
function inJson({ layout, ...report }: CheckReport) {
  const { tensor: tp, pipeline: pp, data: dp, expert: ep } = layout;
  return { ...report, layout: { tp, pp, dp, ep } };
}

function requestOf({
  batch,
  count,
  precision,
  layout,
  stack,
}: CheckOptions): Omit<CheckRequest, 'contextTokens'> {
  if (layout !== undefined && count !== undefined) {
    throw new UsageError('either --layout or --count is required, not both', {
      where: '--layout',
      hint: 'a layout says how many chips there are: tp·pp·dp',
    });
  }
  return {
    batch,
    precision,
    count,
    layout,
    stack: stack === undefined ? undefined : stackNamed(stack),
  };
}

function stackNamed(id: string): SoftwareStack {
  const stacks = loadSoftwareStacks();
  const found = stacks.find((stack) => stack.id === id);
  if (found !== undefined) return found;
  const names = stacks.map((stack) => stack.id);
  const near = nearestName(id, names);
  throw new UsageError(`the stack must be one of ${names.join(', ')}, not ${JSON.stringify(id)}`, {
    where: '--stack',
    hint:
      near === undefined
        ? 'or leave it out: the stack with the best answer is taken'
        : `did you mean ${near}?`,
  });
}

/** What the catalogue knows beside chips. */
export function knowledge(): Knowledge {
  return { stacks: loadSoftwareStacks(), units: loadUnitFormats(), defects: loadDefects() };
}

async function reportOf(
  model: CheckedModel,
  chip: string,
  request: CheckRequest,
): Promise<CheckReport> {
  const ours = chipNames().includes(chip) || chip.includes('/') || chip.endsWith('.json');
  if (ours) return ownReport(model, chip, request);
  requireKnown(chip);
  return checkModel(model.facts, loadAccelerator(chip), request, knowledge());
}

/** A name that is nearly one of our chips is not looked for among those of other makers. */
function requireKnown(chip: string): void {
  const ours = nearestName(chip, chipNames());
  if (ours === undefined || loadAccelerators().some(({ id }) => id === chip)) return;
  loadChip(chip);
}

/** As asked for, which the model must have; else the default, or all that the model has. */
function contextOf({ facts }: CheckedModel, asked: number | undefined): number {
  if (asked === undefined) return Math.min(DEFAULT_CONTEXT, facts.contextTokens);
  if (asked <= facts.contextTokens) return asked;
  throw new UsageError(
    `the context must have at most the ${facts.contextTokens} tokens of ${facts.name}, not ${asked}`,
    { where: '--context', hint: `--context ${facts.contextTokens}` },
  );
}

/** One model on all chips, or on those of the stack. */
function overview(
  model: CheckedModel,
  request: CheckRequest,
  options: CheckOptions,
  output: Output,
): void {
  const named =
    request.stack === undefined ? undefined : new Set(Object.values(request.stack.chips).flat());
  const chips = loadAccelerators().filter(({ id }) => named?.has(id) ?? true);
  const known = knowledge();
  const reports = chips.map((chip) => checkModel(model.facts, chip, request, known));
  if (output.json) return output.result(reports.map(inJson));
  const document = overviewDocument(model.facts.name, reports);
  publish({ [model.facts.name]: document }, options, output);
  if (request.stack !== undefined) process.exitCode = bestExitCode(reports);
}

function bestExitCode(reports: readonly CheckReport[]): number {
  const [best] = reports
    .map(({ verdict }) => verdict)
    .toSorted((a, b) => VERDICTS.indexOf(a) - VERDICTS.indexOf(b));
  return best === undefined ? 0 : exitCodeOf(best);
}

/** All pairs: the matrix, and with a folder a page for each. */
function matrix(
  names: readonly string[],
  chips: readonly Accelerator[],
  request: CheckRequest,
  options: CheckOptions,
  output: Output,
): void {
  const known = knowledge();
  const reports = names.flatMap((name, i) => {
    output.progress(`${i + 1} of ${names.length} models: ${name}`);
    const { facts } = catalogueModel(name);
    const context = Math.min(request.contextTokens, facts.contextTokens);
    return chips.map((chip) =>
      checkModel(facts, chip, { ...request, contextTokens: context }, known),
    );
  });
  output.done();
  if (output.json) return output.result(reports.map(inJson));
  const ending = linkEnding(options);
  const pageName = ({ model, chip }: CheckReport): string => `${model}--${chip}`;
  const pages =
    ending === undefined ? [] : reports.map((each) => [pageName(each), checkDocument(each)]);
  const index = matrixDocument(reports, (each) =>
    ending === undefined ? null : `${pageName(each)}.${ending}`,
  );
  publish({ index, ...(Object.fromEntries(pages) as Record<string, Document>) }, options, output);
}

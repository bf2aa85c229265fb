/** celadon plan: how a model is best laid out on chips, what users then wait for, and what limits it. */
import type { Command } from 'commander';
import { CapacityError, UsageError, formatBytes } from '../base/index.ts';
import { loadAccelerator, type Accelerator } from '../chip/index.ts';
import {
  deviceName,
  layoutToString,
  SCHEDULES,
  searchPlans,
  servedModel,
  type Layout,
  type Plan,
  type PlanRequest,
  type PlanResult,
  type Schedule,
  type ServedModel,
  type Workload,
} from '../cluster/index.ts';
import {
  chipModel,
  countParameters,
  FORMAT_BYTES,
  PRECISIONS,
  precisionOn,
  trainedIn,
  type ChipModel,
  type WantedPrecision,
} from '../cost/index.ts';
import { choice, decimal, wholeNumber } from './arguments.ts';
import { openConfiguration } from './configuration.ts';
import { Output, type GlobalOptions } from './output.ts';
import { parseLayout, parseTraining, parseWorkload, type Training } from './planOptions.ts';
import { planSplit } from './planSplit.ts';
import { planTraining } from './planTraining.ts';
import { isStream, streamTable, streamTimes } from './planTrace.ts';
import { formatRows, FORMATS, type Format } from './rows.ts';

interface PlanOptions extends GlobalOptions {
  readonly chip: string;
  readonly count: number;
  readonly workload?: Workload;
  readonly training?: Training;
  readonly layout?: Layout;
  readonly precision?: string;
  readonly kv: keyof typeof FORMAT_BYTES;
  readonly ttft?: number;
  readonly tpot?: number;
  readonly schedule: Schedule;
  readonly acceptance?: number;
  readonly decodeCount?: number;
  readonly decodeChip?: string;
  readonly rate?: number;
  readonly trace?: string;
  readonly format: Format;
}

/** More chips are a slip of the finger. */
const MOST_CHIPS = 1e6;
/** Milliseconds that a target may be. */
const MOST_MS = 1e9;

export function addPlan(program: Command): void {
  program
    .command('plan')
    .description('layouts of a model on chips: TTFT, TPOT, throughput, memory, what limits them')
    .argument('<model>', 'a name of the catalogue, a folder, .gguf file or built-in name')
    .requiredOption('--chip <id>', 'a chip of celadon chips')
    .requiredOption('--count <n>', 'how many of them', wholeNumber(1, MOST_CHIPS))
    .option(
      '--workload <w>',
      'tokens and requests at once: input=1024,output=1024,concurrency=16; left out 4096, 1024 and 16 a chip',
      parseWorkload,
    )
    .option(
      '--training <t>',
      'train instead of serving: tokens=14.8e12,sequence=4096,batch=15360',
      parseTraining,
    )
    .option(
      '--layout <l>',
      'only this one: tp=8,pp=1,dp=1,ep=1 (of dies where a chip is several)',
      parseLayout,
    )
    .addOption(
      choice('--precision <p>', 'of weights; as published when left out', Object.keys(PRECISIONS)),
    )
    .addOption(
      choice('--kv <format>', 'of keys, values and latents', ['bf16', 'fp8']).default('bf16'),
    )
    .option('--ttft <ms>', 'most milliseconds to the first token', decimal(1e-3, MOST_MS))
    .option('--tpot <ms>', 'most milliseconds for each further token', decimal(1e-3, MOST_MS))
    .addOption(
      choice('--schedule <s>', 'prompts and tokens in one step or in turn', SCHEDULES).default(
        'mixed',
      ),
    )
    .option('--acceptance <share>', 'drafts of the MTP head, and how many are right', decimal(0, 1))
    .option(
      '--rate <n>',
      'also send a Poisson stream of so many requests a second',
      decimal(1e-6, 1e6),
    )
    .option(
      '--decode-count <n>',
      'tokens on chips of their own, so many',
      wholeNumber(1, MOST_CHIPS),
    )
    .option('--decode-chip <id>', 'which are these, and not those of --chip')
    .option('--trace <file>', 'also send these: a JSON array of {arrivalSeconds, input, output}')
    .addOption(choice('--format <f>', 'of the tables', FORMATS).default('text'))
    .action((model: string, _: unknown, command: Command) =>
      plan(model, command.optsWithGlobals<PlanOptions>()),
    );
}

function plan(name: string, options: PlanOptions): void {
  const output = new Output(options);
  if (options.training !== undefined) {
    train(name, options.training, options, output);
    return;
  }
  const request = requestOf(name, options);
  if (options.decodeCount !== undefined || options.decodeChip !== undefined) {
    split(name, request, options, output);
    return;
  }
  const result = searchPlans(request, (done, all) => output.progress(`${done} of ${all} layouts`));
  output.done();
  if (result.plans.length === 0) throw nothingFits(result, request);
  const stream = isStream(options) ? streamTimes(options, result.plans[0]!, request) : undefined;
  if (output.json) output.result({ ...reportOf(request, result), stream: stream ?? null });
  else print(request, result, options.format, output);
  if (stream !== undefined && !output.json) output.line(`\n${streamTable(stream)}`);
  const [best] = result.plans;
  if (best!.missed !== undefined) throw missedTargets(best!, request);
  if (!best!.memory.fits) throw doesNotFit(best!);
}

/** Prompts on the chips of the request, tokens on chips of their own. */
function split(name: string, request: PlanRequest, options: PlanOptions, output: Output): void {
  const { decodeCount, decodeChip } = options;
  if (decodeCount === undefined || options.layout !== undefined) {
    const wrong = decodeCount === undefined ? '--decode-chip' : '--layout';
    const required =
      decodeCount === undefined ? 'needs a number of them' : 'is of one pool, and there are two';
    throw new UsageError(`${wrong} ${required}`, {
      where: wrong,
      hint: decodeCount === undefined ? 'give --decode-count' : 'leave it out',
    });
  }
  const { chip } = servedOn(name, { ...options, chip: decodeChip ?? options.chip });
  const pools = {
    read: { chip: request.chip, count: request.count },
    write: { chip, count: decodeCount },
  };
  const rests = [...provenanceOf(request.chip), ...provenanceOf(chip)];
  planSplit({ ...request, ...pools }, options, [...new Set(rests)], output);
}

function train(name: string, training: Training, options: PlanOptions, output: Output): void {
  const model = servedModel(openConfiguration(name));
  const found = loadAccelerator(options.chip);
  const wanted = trainedIn(found, wantedOf(model, options));
  const chip = chipModel(found, precisionOn(found, wanted));
  const { active } = countParameters(model.decode.graph);
  const { count, layout } = options;
  const devices = count * chip.devices;
  const budget = { ...training, model, chip, count: devices, layout, activeParameters: active };
  planTraining(budget, options.format, provenanceOf(chip), output);
}

/** The model, and the chip with the precision of its weights. */
function servedOn(name: string, options: PlanOptions): { model: ServedModel; chip: ChipModel } {
  const chip = loadAccelerator(options.chip);
  const model = servedModel(openConfiguration(name));
  const precision = precisionOn(chip, wantedOf(model, options), FORMAT_BYTES[options.kv]);
  return { model, chip: chipModel(chip, precision) };
}

function wantedOf({ published }: ServedModel, { precision }: PlanOptions): WantedPrecision {
  return precision === undefined ? published : PRECISIONS[precision]!;
}

function requestOf(name: string, options: PlanOptions): PlanRequest {
  const { model, chip } = servedOn(name, options);
  const { ttft, tpot, acceptance } = options;
  if (acceptance !== undefined && model.draft === undefined) {
    throw new UsageError(`drafts need a head that is read: ${model.noDraft}`, {
      where: '--acceptance',
      hint: 'leave it out',
    });
  }
  return {
    model,
    chip,
    count: options.count,
    workload: options.workload ?? usualWorkload(options.count),
    layout: options.layout,
    schedule: options.schedule,
    speculation: acceptance === undefined ? undefined : { acceptance },
    targets: {
      ttftSeconds: ttft === undefined ? undefined : ttft / 1e3,
      tpotSeconds: tpot === undefined ? undefined : tpot / 1e3,
    },
  };
}

/** Of long questions, where nothing is asked: as benchmarks of serving often have them. */
function usualWorkload(chips: number): Workload {
  return { input: 4096, output: 1024, concurrency: 16 * chips };
}

/** What a prediction rests on: published rates, and what the class of the chip reaches of them. */
function provenanceOf({ chip, efficiency }: ChipModel): string[] {
  const { confidence, sources } = chip;
  const factors = Object.entries(efficiency).flatMap(([name, factor]) =>
    typeof factor === 'object' && 'reason' in factor && 'value' in factor
      ? [`${efficiency.id}: ${name} ${factor.value} (${factor.confidence}: ${factor.reason})`]
      : [],
  );
  return [
    `${chip.id}: peak ${confidence.peak}, memory ${confidence.memory}, interconnect ${confidence.interconnect}`,
    ...factors,
    ...sources.flatMap(({ url }) => url ?? []),
  ];
}

function reportOf(request: PlanRequest, { plans, rejected }: PlanResult): object {
  const { model, chip, count, workload } = request;
  const { linear, experts, expanded } = chip.precision;
  return {
    ...{ model: model.name, chip: chip.chip.id, count, workload },
    devicesPerChip: chip.devices,
    precision: { linear: linear.format, experts: experts.format, expanded },
    plans: plans.map((plan) => planReport(plan, chip)),
    rejected: rejected.map(({ layout, reason }) => ({ layout: layoutReport(layout), reason })),
  };
}

function layoutReport({ tensor, pipeline, data, expert }: Layout) {
  return { tp: tensor, pp: pipeline, dp: data, ep: expert };
}

function planReport(plan: Plan, chip: ChipModel) {
  const { thermalDesignPowerWatts: watts, priceUsd } = chip.chip;
  const { tokensPerSecondPerChip: rate, memory } = plan;
  return {
    ...{ mode: 'aggregated', layout: layoutReport(plan.layout), replicas: plan.replicas },
    ...{ batch: plan.batch, overlap: plan.overlap },
    ttftMs: plan.ttftSeconds * 1e3,
    tpotMs: plan.tpotSeconds * 1e3,
    tokensPerSecondPerChip: rate,
    tokensPerSecondPerWatt: watts === null ? null : rate / watts,
    tokensPerSecondPerUsd: priceUsd === null ? null : rate / priceUsd.value,
    memoryBytes: memory.totalBytes,
    memory,
    limitedBy: plan.limitedBy,
    missed: plan.missed ?? null,
    provenance: provenanceOf(chip),
  };
}

const HEADINGS = [
  ...['layout', 'replicas', 'batch', 'TTFT ms', 'TPOT ms', 'tok/s/chip', 'tok/s/W'],
  ...['memory', 'limited by', 'targets'],
];

function print(
  request: PlanRequest,
  { plans, rejected }: PlanResult,
  format: Format,
  output: Output,
): void {
  const { model, chip, count, workload } = request;
  const rows = plans.map((plan) => cellsOf(plan, chip.chip));
  if (format !== 'text') {
    output.line(formatRows([HEADINGS, ...rows], format));
    return;
  }
  const { linear, experts, expanded } = chip.precision;
  output.line(output.mark('bold', `${model.name} on ${count} × ${chip.chip.name}`));
  if (chip.devices > 1) {
    output.line(
      `a chip is ${chip.devices} devices: layouts and memory are of ${deviceName(chip)}s`,
    );
  }
  output.line(
    `${workload.input} tokens in, ${workload.output} out, ${workload.concurrency} requests at once; ` +
      `weights ${linear.format}, experts ${experts.format}` +
      (expanded.length === 0 ? '' : ` (the chip has no arithmetic for: ${expanded.join(', ')})`),
  );
  output.line(`\n${formatRows([HEADINGS, ...rows], format)}`);
  if (rejected.length > 0) output.line(`\nrejected:\n${rejectedLines(rejected)}`);
  output.line(output.mark('gray', `\nrests on:\n  ${provenanceOf(chip).join('\n  ')}`));
}

function cellsOf(plan: Plan, chip: Accelerator): string[] {
  const { memory, missed, overlap } = plan;
  const watts = chip.thermalDesignPowerWatts;
  return [
    `${layoutToString(plan.layout)}${overlap ? ' in two halves' : ''}`,
    `${plan.replicas}`,
    `${plan.batch}`,
    (plan.ttftSeconds * 1e3).toFixed(0),
    (plan.tpotSeconds * 1e3).toFixed(2),
    plan.tokensPerSecondPerChip.toFixed(1),
    watts === null ? '?' : (plan.tokensPerSecondPerChip / watts).toFixed(3),
    `${formatBytes(memory.totalBytes)} of ${formatBytes(memory.capacityBytes)}`,
    plan.limitedBy,
    missed === undefined ? 'met' : `${missed.target} × ${missed.factor.toFixed(2)}`,
  ];
}

/** One line a reason, with the layouts it is against. */
function rejectedLines(rejected: PlanResult['rejected']): string {
  const groups = Map.groupBy(rejected, ({ reason }) => reason);
  return [...groups]
    .map(([reason, all]) => {
      const more = all.length > 1 ? ` and ${all.length - 1} more` : '';
      return `  ${layoutToString(all[0]!.layout)}${more}: ${reason}`;
    })
    .join('\n');
}

function nothingFits({ rejected }: PlanResult, { chip, count }: PlanRequest): CapacityError {
  return new CapacityError(`a layout must be possible, but none is:\n${rejectedLines(rejected)}`, {
    where: `${count} × ${chip.chip.id}`,
    hint: 'give more chips, a narrower --precision, or less context',
  });
}

function missedTargets({ missed, layout }: Plan, { targets }: PlanRequest): CapacityError {
  const { target, factor } = missed!;
  const seconds = target === 'ttft' ? targets.ttftSeconds! : targets.tpotSeconds!;
  const found = (seconds * factor * 1e3).toFixed(1);
  return new CapacityError(
    `${target} must be at most ${(seconds * 1e3).toFixed(1)} ms, and the closest plan has ${found} ms`,
    { where: layoutToString(layout), hint: 'give more chips or fewer requests, or another limit' },
  );
}

function doesNotFit({ memory, layout }: Plan): CapacityError {
  const { totalBytes, capacityBytes } = memory;
  return new CapacityError(
    `a chip must hold ${formatBytes(totalBytes)}, and has ${formatBytes(capacityBytes)}`,
    { where: layoutToString(layout), hint: 'leave out --layout to see what fits' },
  );
}

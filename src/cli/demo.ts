/** celadon demo: two trained models on a simulated chip, checked, measured, and set beside others. */
import fs from 'node:fs';
import { setImmediate as pause } from 'node:timers/promises';
import type { Command } from 'commander';
import { CeladonError } from '../base/index.ts';
import { loadAccelerator, loadChip, type Chip } from '../chip/index.ts';
import {
  countParameters,
  machineOfAccelerator,
  machineOfChip,
  roofline,
  type Machine,
} from '../cost/index.ts';
import type { Graph } from '../ir/index.ts';
import type { Model } from '../model/index.ts';
import {
  isEqual,
  measureModel,
  measureQuality,
  ratesOf,
  type Measured,
  type Quality,
} from './demoMeasure.ts';
import { printModel, printOpening, printRooflines } from './demoReport.ts';
import { parseDocuments } from './eval.ts';
import { openModel, VALIDATION_FILE } from './models.ts';
import { Output, type GlobalOptions } from './output.ts';
import { DEFAULT_CHIP } from './targets.ts';

interface DemoOptions extends GlobalOptions {
  readonly chip: string;
}

/** One act of the demo: a model and what it is asked. */
interface Act {
  readonly model: string;
  readonly message: string;
  readonly seed: number;
}

const ACTS: readonly Act[] = [
  { model: 'qwen3-tiny', message: '以《春夜》为题，写一首五言绝句。', seed: 6 },
  {
    model: 'deepseek-v3-tiny',
    message: 'MACBETH: Tomorrow, and tomorrow, and tomorrow.\n\nAnswer as LADY MACBETH.',
    seed: 6,
  },
];

const MAX_NEW_TOKENS = 48;
const QUALITY_DOCUMENTS = 20;

/** One of NVIDIA for China, one of Huawei. Both publish a peak in int8, and the chip's weights are as wide. */
const COMPARED = ['nvidia-h20', 'huawei-ascend-910c'];
const COMPARISON_FORMAT = 'int8';

export function addDemo(program: Command): void {
  program
    .command('demo')
    .description('two trained models on a simulated chip: text, equality, cycles, where it stands')
    .option('--chip <name|file>', 'chip to simulate', DEFAULT_CHIP)
    .action((_: unknown, command: Command) => demo(command.optsWithGlobals<DemoOptions>()));
}

/** Everything the demo found out about one model. */
export interface ActReport {
  readonly model: string;
  readonly message: string;
  readonly parameters: { readonly total: number; readonly active: number };
  readonly text: string;
  readonly measured: Measured;
  readonly quality: Quality;
  readonly rooflines: readonly RooflineReport[];
}

export interface RooflineReport {
  readonly machine: Machine;
  readonly tokensPerSecond: number;
  readonly limitedBy: string;
}

async function demo(options: DemoOptions): Promise<void> {
  const start = performance.now();
  const output = new Output(options);
  const chip = loadChip(options.chip);
  if (!output.json) printOpening(chip, output);
  const reports: ActReport[] = [];
  for (const act of ACTS) {
    const report = await perform(act, chip, output);
    reports.push(report);
    if (!output.json) printModel(report, chip, output);
  }
  if (!output.json) printRooflines(reports, output);
  const seconds = (performance.now() - start) / 1000;
  if (output.json)
    output.result({
      chip: chip.name,
      clockHz: chip.clockHz,
      seconds,
      models: reports.map((report) => forJson(report, chip)),
    });
  else
    output.note(
      `${seconds.toFixed(1)} s; all numbers above come from this run, except the published peaks`,
    );
  requireEquality(reports);
}

async function perform(act: Act, chip: Chip, output: Output): Promise<ActReport> {
  const model = openModel(act.model);
  if (!output.json) {
    output.line(
      `\n${output.mark('bold', act.model)}  ${output.mark('gray', act.message.replaceAll(/\n+/g, ' / '))}`,
    );
  }
  const { measured, text } = await showText(act, model, chip, output);
  output.progress('measuring perplexity …');
  const quality = await measureQuality(model, chip, validationDocuments());
  const graph = model.graph({ logits: 'last', latentAttention: 'absorbed' });
  const context = measured.prefill.tokens + measured.generation.tokens.length;
  return {
    model: model.name,
    message: act.message,
    parameters: countParameters(graph),
    text,
    measured,
    quality,
    rooflines: rooflinesOf(graph, chip, context),
  };
}

async function showText(act: Act, model: Model, chip: Chip, output: Output) {
  const { tokenizer, chat, checkpoint } = model;
  const prompt = tokenizer.encode(chat.apply([{ role: 'user', content: act.message }]));
  const { eosTokenIds, temperature, topK, topP } = checkpoint.generation;
  const stream = tokenizer.stream({ skipSpecial: true });
  let text = '';
  const show = async (piece: string): Promise<void> => {
    text += piece;
    if (!output.json) output.write(piece);
    await pause();
  };
  const sampling = { temperature, topK, topP, seed: act.seed };
  const generateOptions = { maxNewTokens: MAX_NEW_TOKENS, eosTokenIds, sampling };
  const measured = await measureModel(model, chip, prompt, generateOptions, (token) =>
    show(stream.push(token)),
  );
  await show(stream.end());
  if (!output.json) output.line();
  return { measured, text };
}

function validationDocuments(): readonly (readonly number[])[] {
  const bytes = fs.readFileSync(VALIDATION_FILE);
  return parseDocuments(bytes, VALIDATION_FILE).slice(0, QUALITY_DOCUMENTS);
}

/** The least time for one token after `context` others, on the chip and on published accelerators. */
function rooflinesOf(graph: Graph, chip: Chip, context: number): RooflineReport[] {
  const others = COMPARED.map((id) => machineOfAccelerator(loadAccelerator(id), COMPARISON_FORMAT));
  return [machineOfChip(chip), ...others].map((machine) => {
    const { tokensPerSecond, limitedBy } = roofline(graph, { B: 1, T: 1, S: context }, machine);
    return { machine, tokensPerSecond, limitedBy };
  });
}

function forJson({ measured, rooflines, ...report }: ActReport, chip: Chip) {
  const { generation, agreement, prefill, decode, queues, layers } = measured;
  return {
    ...report,
    tokens: generation.tokens,
    finishReason: generation.finishReason,
    equal: isEqual(measured),
    agreement,
    prefill: { ...prefill, ...ratesOf(prefill, chip) },
    decode: { ...decode, ...ratesOf(decode, chip) },
    queues,
    layers,
    rooflines: rooflines.map(({ machine, ...bound }) => ({ ...machine, ...bound })),
  };
}

function requireEquality(reports: readonly ActReport[]): void {
  const differing = reports.filter(({ measured }) => !isEqual(measured));
  if (differing.length === 0) return;
  throw new CeladonError('chip and numeric definition must agree bit for bit, and do not', {
    where: differing.map(({ model }) => model).join(', '),
    hint: 'this is a defect of celadon, please report it with the output above',
  });
}

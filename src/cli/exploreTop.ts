/** The funnel of `celadon explore` behind its search: the front at L1; the best at all levels, as RTL, synthesised. */
import { UsageError } from '../base/index.ts';
import { parseModelConfig, type Model } from '../model/index.ts';
import {
  layerGraphs,
  runLevelOne,
  topTables,
  verificationText,
  verifyTop,
  type FrontDesign,
  type LayerProgram,
  type LevelOneReport,
  type StudiedModel,
  type TextTable,
  type TopReport,
} from '../explore/index.ts';
import { openModel } from './models.ts';
import type { Output } from './output.ts';

export interface FunnelOptions {
  /** 1: the front at L1 too. */
  readonly level: number;
  /** Chips of the front to verify, the best first; 0 for none. */
  readonly count: number;
  /** Played on their RTL. */
  readonly model: Model | undefined;
  readonly libertyFolder: string | undefined;
}

/** Options of the command, by their names. */
export interface FunnelRequest {
  readonly level: number;
  readonly verifyTop?: number;
  readonly verifyModel?: string;
  readonly liberty?: string;
  readonly variants?: string;
}

/** Opens what the funnel needs. Throws UsageError where options do not go together, and what `openModel` throws. */
export function funnelOptions({
  level,
  verifyTop: count = 0,
  verifyModel,
  liberty,
  variants,
}: FunnelRequest): FunnelOptions {
  if (verifyModel !== undefined && count === 0)
    throw new UsageError('--verify-model must come with --verify-top', {
      where: '--verify-model',
      hint: 'say how many chips to verify: --verify-top 1',
    });
  if (variants !== undefined && (level > 0 || count > 0))
    throw new UsageError('--level and --verify-top must be without --variants', {
      where: '--variants',
      hint: 'explore the variant that was found, as a model of its own',
    });
  const libertyFolder = liberty ?? process.env['CELADON_LIBERTY'];
  const model = verifyModel === undefined ? undefined : openModel(verifyModel);
  return { level, count, model, libertyFolder };
}

/** What the steps behind the search found; empty where they were not asked for. */
export interface Funnel {
  readonly levelOne: readonly LevelOneReport[];
  readonly verified: TopReport;
}

export const NOTHING_RUN: Funnel = { levelOne: [], verified: { chips: [] } };

export async function runFunnel(
  front: readonly FrontDesign[],
  models: readonly StudiedModel[],
  options: FunnelOptions,
  output: Output,
): Promise<Funnel> {
  const levelOne = options.level === 1 ? await frontAtLevelOne(front, models, output) : [];
  return { levelOne, verified: await verifyBest(front, models, options, output) };
}

/** Whether RTL does other than the simulator. */
export function differs({ verified }: Funnel): boolean {
  return verified.chips.some(({ rtl }) => rtl.verdict === 'differs');
}

/** Each chip once, whatever systems of the front it is in; what was found of one is told when it was. */
function verifyBest(
  front: readonly FrontDesign[],
  models: readonly StudiedModel[],
  { count, model, libertyFolder }: FunnelOptions,
  output: Output,
): Promise<TopReport> {
  const chips = chipsOf(front).slice(0, count);
  const options = { programs: programsOf(models), node: nodeOf, libertyFolder, rtl: { model } };
  return verifyTop(chips, options, {
    step: (text) => output.progress(text),
    verified: (chip) => output.note(verificationText(chip)),
  });
}

/** Chips of a front that are run at L1, at most. */
const CORRECTED = 20;

/** Each chip of the front once, the best first. */
async function frontAtLevelOne(
  front: readonly FrontDesign[],
  models: readonly StudiedModel[],
  output: Output,
): Promise<LevelOneReport[]> {
  const chips = chipsOf(front).slice(0, CORRECTED);
  const programs = programsOf(models);
  const reports: LevelOneReport[] = [];
  for (const [i, chip] of chips.entries())
    reports.push(
      await runLevelOne(chip, programs, (layer) =>
        output.progress(`${i + 1}/${chips.length} ${chip.name}: ${layer} at L1`),
      ),
    );
  return reports;
}

function chipsOf(front: readonly FrontDesign[]) {
  const all = front.map(({ design: { decode } }) => [decode.chip.name, decode.chip] as const);
  return [...new Map(all).values()];
}

/** What was found, for a terminal or a page; no tables where nothing was asked for. */
export function tablesOf(
  { levelOne, verified }: Funnel,
  front: readonly FrontDesign[],
): TextTable[] {
  return [
    ...(levelOne.length > 0 ? [levelOneTable(levelOne, front)] : []),
    ...(verified.chips.length > 0 ? topTables(verified) : []),
  ];
}

/** Rates of L0 beside those corrected; cycles of layers are in the JSON. */
function levelOneTable(
  reports: readonly LevelOneReport[],
  front: readonly FrontDesign[],
): TextTable {
  const rows = reports.map(({ chip, rows: layers, refused, correction }) => {
    const { evaluation } = front.find(({ design }) => design.decode.chip.name === chip)!;
    const rate = evaluation.metrics?.['tokensPerSecond'] ?? null;
    const errors = layers.map(({ l0Error }) => 100 * l0Error);
    const range = [Math.min(...errors), Math.max(...errors)].map((each) => each.toFixed(1));
    if (rate === null || correction === null)
      return [chip, rate?.toPrecision(4) ?? '-', '-', refused[0]?.reason ?? '-'];
    const corrected = (rate * correction).toPrecision(4);
    return [chip, rate.toPrecision(4), corrected, `${range.join(' to ')} %`];
  });
  const columns = ['chip at L1', 'tokens/s by L0', 'corrected', 'L0 − L1 of layers'];
  return { title: 'Front at L1', columns, rows };
}

function nodeOf({ process }: { readonly process: { readonly node: string } }): string {
  return process.node;
}

/** One token of every kind of layer. */
function programsOf(models: readonly StudiedModel[]): LayerProgram[] {
  return models.flatMap(({ name, raw }) =>
    layerGraphs(name, parseModelConfig(raw, name)).map((layer) => ({
      ...layer,
      tokens: 1,
      contextTokens: LAYER_CONTEXT,
    })),
  );
}

/** Of the runs of layers: enough for attention to count, few enough for a run to end. */
const LAYER_CONTEXT = 256;

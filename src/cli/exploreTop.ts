/** The funnel of `celadon explore` behind its search: the front at L1; the best at all levels, as RTL, synthesised. */
import { parseModelConfig } from '../model/index.ts';
import {
  layerGraphs,
  runLevelOne,
  topTables,
  verifyTop,
  type Explored,
  type FrontDesign,
  type LayerProgram,
  type LevelOneReport,
  type StudiedModel,
  type TopReport,
} from '../explore/index.ts';
import type { Output } from './output.ts';
import { formatTable } from './table.ts';

export interface TopRequest {
  /** Chips of the front, the best first; 0 for none. */
  readonly count: number;
  readonly libertyFolder: string | undefined;
}

/** Each chip once, whatever systems of the front it is in. */
export async function verifyBest(
  { front }: Explored,
  models: readonly StudiedModel[],
  { count, libertyFolder }: TopRequest,
  output: Output,
): Promise<TopReport> {
  const chips = chipsOf(front).slice(0, count);
  const options = { programs: programsOf(models), node: nodeOf, libertyFolder };
  return verifyTop(chips, options, (step) => output.progress(step));
}

/** Chips of a front that are run at L1, at most. */
const CORRECTED = 20;

/** Each chip of the front once, the best first. */
export async function frontAtLevelOne(
  { front }: Explored,
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

/** Rates of L0 beside those corrected; cycles of layers are in the JSON. */
export function levelOneText(
  reports: readonly LevelOneReport[],
  front: readonly FrontDesign[],
): string {
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
  const heading = ['chip at L1', 'tokens/s by L0', 'corrected', 'L0 − L1 of layers'];
  return formatTable([heading, ...rows]);
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

export function topText(report: TopReport): string {
  return topTables(report)
    .map(({ title, columns, rows }) => `${title}\n${formatTable([columns, ...rows])}`)
    .join('\n\n');
}

/** The end of the funnel of `celadon explore`: the best chips at all levels, as RTL and synthesised. */
import { parseModelConfig } from '../model/index.ts';
import {
  layerGraphs,
  topTables,
  verifyTop,
  type Explored,
  type LayerProgram,
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
  const all = front.map(({ design: { decode } }) => [decode.chip.name, decode.chip] as const);
  const chips = [...new Map(all).values()].slice(0, count);
  const options = { programs: programsOf(models), node: nodeOf, libertyFolder };
  return verifyTop(chips, options, (step) => output.progress(step));
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

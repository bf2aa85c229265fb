/** What `celadon explore` found: as the JSON that is its contract, and as a table. */
import type { Design, Explored, FrontDesign, System } from '../explore/index.ts';
import { formatTable } from './table.ts';

/** Rows of the table; the whole front is in the JSON and in the files. */
const SHOWN = 20;

export function frontResult({ definition, result, front, nearest, seconds }: Explored): object {
  const { evaluations, overLimits, bounded, proven } = result;
  return {
    models: (definition.inputs['models'] as unknown as readonly { name: string }[]).map(
      ({ name }) => name,
    ),
    workload: definition.inputs['workload'],
    limits: definition.inputs['limits'],
    objectives: definition.objectives,
    ...{ evaluations, overLimits, bounded, proven, seconds },
    front: front.map(rowOf),
    nearest: nearest === undefined ? null : { ...rowOf(nearest), broken: nearest.broken },
  };
}

function rowOf({ design, evaluation }: FrontDesign): object {
  const { metrics, limitedBy, batch } = evaluation;
  return { ...systemsOf(design), metrics, limitedBy, batch };
}

function systemsOf({ decode, prefill }: Design): object {
  return {
    chip: decode.chip,
    system: layoutOf(decode),
    ...(prefill && { prefill: { chip: prefill.chip, system: layoutOf(prefill) } }),
  };
}

function layoutOf({ chips, tensor, pipeline, expert, linkBytesPerSecond }: System): object {
  return { chips, tensor, pipeline, expert, linkBytesPerSecond };
}

export function frontTable({ front }: Explored): string {
  const heading = [
    'chip', 'chips', 'batch', 'tokens/s/chip', '/W', '/mm²', 'TTFT ms', 'TPOT ms', 'mm²', 'W', 'TPP', 'GB/s', 'limited by',
  ];
  const rows = front.slice(0, SHOWN).map(({ design, evaluation }) => {
    const at = (name: string): string => numberText(evaluation.metrics?.[name]);
    const { decode, prefill } = design;
    const readers = prefill === undefined ? '' : ` + ${prefill.chips} × ${prefill.chip.name}`;
    return [
      `${decode.chip.name}${readers}`,
      `${decode.chips}`,
      `${evaluation['batch']}`,
      at('tokensPerSecond'), at('tokensPerSecondPerWatt'), at('tokensPerSecondPerMm2'),
      at('ttftMs'), at('tpotMs'), at('areaMm2'), at('powerWatts'), at('tpp'), at('memoryBandwidthGBs'),
      `${evaluation['limitedBy']}`,
    ];
  });
  const more = front.length > SHOWN ? `\n… and ${front.length - SHOWN} more (--json)` : '';
  return `${formatTable([heading, ...rows])}${more}`;
}

/** Infeasible limits: which ones, and the nearest design. */
export function nearestText(_: Explored, { design, broken }: NonNullable<Explored['nearest']>): string {
  const lines = broken.map(({ text, excess }) => `  ${text} (${Math.round(100 * excess)} % over)`);
  return [`no design keeps the limits; the nearest, ${design.decode.chip.name}, breaks:`, ...lines].join('\n');
}

/** Three digits; `-` where nothing is known. */
function numberText(value: number | null | undefined): string {
  if (value == null) return '-';
  return value >= 1000 ? Math.round(value).toLocaleString('en') : `${Number(value.toPrecision(3))}`;
}

/** Three questions that the industry asks, answered from the catalogue and from nothing else. */
import type { Procurement, Shipments, Source } from '../chip/index.ts';
import type { Parity } from './parity.ts';

export interface Answer {
  readonly question: string;
  readonly answer: string;
  readonly evidence: readonly Evidence[];
}

export interface Evidence {
  readonly text: string;
  readonly confidence: string;
  readonly source: Source;
}

export function answersOf(
  shipments: readonly Shipments[],
  procurement: readonly Procurement[],
  parity: Parity,
): Answer[] {
  return [leader(shipments), commitments(procurement), matching(parity)];
}

function leader(files: readonly Shipments[]): Answer {
  const rows = files.flatMap(({ rows: all, sources }) =>
    all.map((row) => ({ ...row, cited: sources[row.source]! })),
  );
  const year = Math.max(
    ...rows
      .filter(({ kind, share }) => kind === 'shipped' && share !== null)
      .map((row) => row.year),
  );
  const makers = rows.filter(
    (row) =>
      row.year === year &&
      row.kind === 'shipped' &&
      row.country === 'CN' &&
      row.architecture !== null &&
      row.units !== null,
  );
  const ranked = makers.toSorted((a, b) => b.units! - a.units!);
  const total =
    rows.find((row) => row.year === year && row.maker === 'all domestic')?.units ?? null;
  const asic = ranked.filter(({ architecture }) => architecture === 'asic');
  const units = asic.reduce((sum, row) => sum + row.units!, 0);
  const [first] = ranked;
  const share = total === null ? '' : ` of ${thousands(total)} domestic ones`;
  const plans = rows.filter((row) => row.year > year && row.country === 'CN' && row.units !== null);
  return {
    question: 'Who leads the move to ASICs, and with what volume?',
    answer: `${first!.maker}: ${thousands(first!.units!)} chips in ${year}${share}. Makers of ASICs together at least ${thousands(units)} (${asic.map(({ maker, units: n }) => `${maker} ${thousands(n!)}`).join(', ')}); the rest are close to GPUs, or not counted by maker. For ${year + 1}: ${plans.map(planText).join('; ')}.`,
    evidence: [...ranked, ...plans].map((row) => ({
      text: `${row.maker}, ${row.year}, ${row.kind}: ${thousands(row.units!)}${row.note === '' ? '' : ` (${row.note})`}`,
      confidence: row.confidence,
      source: row.cited,
    })),
  };
}

function planText({ maker, units, kind, note }: Shipments['rows'][number]): string {
  return `${maker} ${thousands(units!)} ${kind}${note === '' ? '' : ` (${note})`}`;
}

function thousands(units: number): string {
  return `${Math.round(units / 1000)},000`.replace(/^(\d+)(\d{3}),/, '$1,$2,');
}

/** What counts as a promise to buy, and what does not. */
const PROMISES: ReadonlySet<string> = new Set(['contract', 'order', 'own silicon']);

function commitments(files: readonly Procurement[]): Answer {
  const rows = files.flatMap(({ rows: all, sources }) =>
    all.map((row) => ({ ...row, cited: sources[row.source]! })),
  );
  const say = (buyer: string): string => {
    const own = rows.filter((row) => row.buyer === buyer);
    const promised = own.filter(
      ({ kind, confidence }) => PROMISES.has(kind) && confidence !== 'unknown',
    );
    const found = (promised.length > 0 ? promised : own).map(
      ({ kind, what, amount, unit }) =>
        `${kind}: ${what}${amount === null ? '' : ` (${amount} ${unit})`}`,
    );
    return `${buyer}: ${promised.length > 0 ? 'yes' : 'no purchase that is public'}; ${found.join('; ')}.`;
  };
  return {
    question: 'Have DeepSeek and Alibaba committed procurement?',
    answer: `${say('DeepSeek')} ${say('Alibaba')}`,
    evidence: rows.map((row) => ({
      text: `${row.buyer} from ${row.seller}, ${row.kind}: ${row.what}`,
      confidence: row.confidence,
      source: row.cited,
    })),
  };
}

function matching({ arrivals, cells, outlooks }: Parity): Answer {
  const last = Math.max(...cells.map(({ year }) => year));
  const say = (scale: 'perChip' | 'perSystem' | 'perWatt', name: string): string => {
    const { possible, likely, certain } = arrivals.find(
      (each) => each.task === 'training' && each.scale === scale,
    )!;
    const known = cells.filter(
      (cell) => cell.task === 'training' && cell.scale === scale && cell.ratio !== null,
    );
    if (known.length === 0) return `${name}: unknown, as one side publishes nothing`;
    if (possible === null) return `${name}: not by ${known.at(-1)!.year} on the published roadmaps`;
    return `${name}: possible from ${possible}, ${likely === null ? `not likely by ${last}` : `likely from ${likely}`}, ${certain === null ? `not certain by ${last}` : `certain from ${certain}`}`;
  };
  return {
    question: 'When could domestic silicon match NVIDIA in training throughput?',
    answer: `${say('perChip', 'A chip')}. ${say('perSystem', 'A system of one scale-up domain')}. ${say('perWatt', 'A watt')}. Products, rates and assumptions are those listed above.`,
    evidence: outlooks
      .filter(({ training }) => training.perChip !== null)
      .map(({ maker, product, source }) => ({
        text: `${maker} ${product.name}, ${product.year}, ${product.status}`,
        confidence: product.confidence,
        source,
      })),
  };
}

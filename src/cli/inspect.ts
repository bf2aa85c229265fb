/** celadon inspect: what a model consists of, from its configuration and the headers of its files. */
import type { Command } from 'commander';
import { formatBytes, formatCount } from '../base/index.ts';
import { countParameters, operatorTable, stateBytes, type OperatorRow } from '../cost/index.ts';
import type { Graph } from '../ir/index.ts';
import {
  buildGraph,
  catalogueModelNames,
  describeSkipped,
  NO_WEIGHTS,
  readCatalogueModel,
  skippedParts,
  type Checkpoint,
  type ModelConfig,
  type WeightKind,
  type WeightReader,
} from '../model/index.ts';
import { builtinModelNames, openModel } from './models.ts';
import { Output, type GlobalOptions } from './output.ts';
import { formatTable } from './table.ts';

export function addInspect(program: Command): void {
  program
    .command('inspect')
    .description('architecture, parameters, state and operators of a model')
    .argument(
      '<model>',
      'folder, .gguf file, hf:ORG/NAME, built-in name, or a name of the catalogue',
    )
    .action((model: string, _: unknown, command: Command) =>
      inspect(model, new Output(command.optsWithGlobals<GlobalOptions>())),
    );
}

/** What is known of a model without reading a weight. */
interface Inspected {
  readonly name: string;
  readonly config: ModelConfig;
  readonly architectures: unknown;
  readonly checkpoint?: Checkpoint;
  readonly sources: readonly string[];
}

function inspect(name: string, output: Output): void {
  const inspected = open(name);
  const { config, checkpoint } = inspected;
  // Latent attention is counted in the form that is run: with only the latent in the state.
  const reader = new RecordingReader(checkpoint ?? NO_WEIGHTS);
  const graph = buildGraph(config, reader, {
    logits: 'last',
    latentAttention: 'absorbed',
  });
  const report = reportOf(inspected, graph, reader.kinds);
  if (output.json) output.result(report);
  else print(report, output);
}

/** Notes which weights a graph asks for, and of what kind they are. */
class RecordingReader implements WeightReader {
  readonly kinds = new Map<string, WeightKind | undefined>();
  readonly #reader: WeightReader;

  constructor(reader: WeightReader) {
    this.#reader = reader;
  }

  has(name: string): boolean {
    return this.#reader.has(name);
  }

  requireWeight(name: string, shape: readonly number[], kind?: WeightKind): void {
    this.kinds.set(name, kind);
    this.#reader.requireWeight(name, shape, kind);
  }

  readF32(name: string, shape: readonly number[], kind?: WeightKind): Float32Array {
    return this.#reader.readF32(name, shape, kind);
  }
}

function open(name: string): Inspected {
  const known = catalogueModelNames();
  if (known.includes(name) && !builtinModelNames().includes(name)) {
    const { raw, model, sources } = readCatalogueModel(name);
    return { name, config: model, architectures: raw['architectures'], sources };
  }
  const { name: folder, config, checkpoint } = openModel(name, known);
  const { architectures } = checkpoint.config;
  return { name: folder, config, architectures, checkpoint, sources: [] };
}

type Report = ReturnType<typeof reportOf>;

function reportOf(
  { name, config, architectures, checkpoint, sources }: Inspected,
  graph: Graph,
  weights: ReadonlyMap<string, WeightKind | undefined>,
) {
  const state = stateBytes(graph);
  const skipped = checkpoint === undefined ? [] : skippedTensors(checkpoint, weights);
  return {
    model: name,
    architecture: Array.isArray(architectures) ? String(architectures[0]) : config.family,
    family: config.family,
    layers: config.config.num_hidden_layers,
    contextTokens: config.config.max_position_embeddings,
    vocabulary: config.config.vocab_size,
    parameters: publishedCount(graph, config.family),
    stateBytesPerToken: state.perToken,
    stateBytesPerSequence: state.perSequence,
    stateFormat: 'bf16',
    stateCounted: STATE_COUNTED,
    operators: operatorTable(graph),
    stored: checkpoint === undefined ? null : storedFormats(checkpoint),
    skippedTensors: skipped,
    skippedParts: skippedParts(skipped, config.config.num_hidden_layers),
    note: checkpoint?.note ?? null,
    sources,
  };
}

/**
 * Counted as the makers of the family publish it: those of Qwen count the table of embeddings as active,
 * where there is no table of n-grams.
 */
function publishedCount(graph: Graph, family: ModelConfig['family']) {
  const { total, active, embeddings, ngrams } = countParameters(graph);
  const withEmbeddings = (family.startsWith('qwen') && ngrams === 0) || embeddings === 0;
  return {
    total,
    active: withEmbeddings ? active + embeddings : active,
    embeddings,
    ngrams,
    withEmbeddings,
    counted: `${COUNTED}; ${total === active + embeddings ? 'all are active' : whatIsActive(withEmbeddings)}`,
  };
}

const COUNTED = 'the text model, without heads that predict further tokens';

const STATE_COUNTED = 'recurrent states and sums of compressors in f32, the rest in bf16';

function whatIsActive(withEmbeddings: boolean): string {
  const table = withEmbeddings ? 'with' : 'without';
  return `active are those that one token uses, ${table} the whole table of embeddings`;
}

/** Tensors and bytes of each stored format. */
function storedFormats(
  checkpoint: Checkpoint,
): { format: string; tensors: number; bytes: number }[] {
  const infos = checkpoint.tensorNames().map((name) => checkpoint.info(name));
  return [...Map.groupBy(infos, ({ dtype }) => dtype)].map(([format, group]) => ({
    format,
    tensors: group.length,
    bytes: group.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
  }));
}

/** Tensors of the checkpoint that are read for none of the weights of the graph. */
function skippedTensors(
  checkpoint: Checkpoint,
  weights: ReadonlyMap<string, WeightKind | undefined>,
): string[] {
  const used = new Set(
    weights.entries().flatMap(([name, kind]) => checkpoint.storedNames(name, kind)),
  );
  return checkpoint.tensorNames().filter((name) => !used.has(name));
}

function print(report: Report, output: Output): void {
  const { parameters, stateBytesPerToken, stateBytesPerSequence, operators } = report;
  const active =
    parameters.active === parameters.total ? '' : `, ${formatCount(parameters.active)} active`;
  const ofNgrams = parameters.ngrams;
  const apart =
    ofNgrams === 0
      ? ''
      : ` (${formatCount(parameters.total - ofNgrams)} and ${formatCount(ofNgrams)} of n-grams)`;
  output.line(output.mark('bold', report.model));
  const facts = [
    ['architecture', report.architecture],
    ['layers', `${report.layers}`],
    ['context', `${report.contextTokens} tokens`],
    ['vocabulary', `${report.vocabulary} tokens`],
    ['parameters', `${formatCount(parameters.total)}${apart}${active}`],
    ['counted', parameters.counted],
    [
      'state',
      `${formatBytes(stateBytesPerToken)} a token (bf16), ${formatBytes(stateBytesPerSequence)} a sequence${stateBytesPerSequence === 0 ? '' : ` (${STATE_COUNTED})`}`,
    ],
    ...(report.stored ?? []).map(({ format, tensors, bytes }) => [
      `stored ${format}`,
      `${tensors} tensors, ${formatBytes(bytes)}`,
    ]),
    ...(report.note === null ? [] : [['note', report.note]]),
  ];
  const width = Math.max(...facts.map(([name]) => name!.length));
  for (const [name, value] of facts) output.line(`${name!.padEnd(width)}  ${value}`);
  output.line();
  output.line(formatTable([OPERATOR_HEADINGS, ...operators.map(operatorCells)]));
  printRest(report, output);
}

const OPERATOR_HEADINGS = [
  'operator',
  'nodes',
  'parameters',
  'active',
  'MACs/token',
  'and/token of context',
];

function operatorCells(row: OperatorRow): string[] {
  const count = (value: number): string => (value === 0 ? '' : formatCount(value));
  return [
    row.op,
    `${row.nodes}`,
    count(row.parameters),
    row.activeParameters === row.parameters ? '' : count(row.activeParameters),
    count(row.macsPerToken),
    count(row.macsPerTokenOfContext),
  ];
}

function printRest(report: Report, output: Output): void {
  const { skippedTensors: skipped, sources } = report;
  if (skipped.length > 0) {
    const shown = skipped.slice(0, 10).join(', ');
    const rest = skipped.length > 10 ? `, and ${skipped.length - 10} more` : '';
    output.line(`\nnot used: ${skipped.length} tensors: ${shown}${rest}`);
    const parts = describeSkipped(report.skippedParts);
    if (parts !== '') output.line(`of them ${parts}`);
  }
  for (const source of sources) output.line(output.mark('gray', `source: ${source}`));
}

// The table of families in docs/support.md: family × stored format × target, and the test that proves a cell.
//
// Whether a target runs a family is asked of the target, about the graphs of the checkpoints in
// test/golden, or of the catalogue's configurations where there is none. Which family a format can hold
// is asked of the tables of formats. Which test proves it is in proofs.table.ts.

import fs from 'node:fs';
import path from 'node:path';
import { CapacityError } from '../src/base/index.ts';
import type { Target } from '../src/compile/index.ts';
import type { Graph } from '../src/ir/index.ts';
import {
  buildGraph,
  catalogueModelNames,
  loadModel,
  NO_WEIGHTS,
  readCatalogueModel,
  type Family,
} from '../src/model/index.ts';
import { FORMATS } from '../src/model/checkpoint/formats/formats.table.ts';
import { GGUF_ARCHITECTURES } from '../src/model/checkpoint/gguf/architectures.table.ts';
import { ModelMetadata } from '../src/model/checkpoint/gguf/metadata.ts';
import { SUBJECTS, whyRefused } from '../test/conformance/conformance.ts';
import { proofOf, requireTests } from './proofs.ts';
import { GGUF, PLAIN, type Test } from './proofs.table.ts';

const GOLDEN = path.join(import.meta.dirname, '../test/golden');

/** A model whose graph stands for its family. */
interface Example {
  readonly name: string;
  readonly family: Family;
  readonly graph: Graph;
}

interface Column {
  readonly name: string;
  readonly targets: readonly Target[];
}

/** The targets; all chips of Jade are one column. */
const COLUMNS: readonly Column[] = Map.groupBy(SUBJECTS, ({ name }) => name.split('-')[0]!)
  .entries()
  .map(([name, subjects]) => ({ name, targets: subjects.map(({ target }) => target) }))
  .toArray();

const STORED: readonly string[] = [PLAIN, ...FORMATS.keys(), GGUF];

/** Notes below a table, numbered in the order in which they are first used. */
class Notes {
  readonly #mark: string;
  readonly #texts: string[] = [];

  constructor(mark: string) {
    this.#mark = mark;
  }

  refer(text: string): string {
    const known = this.#texts.indexOf(text);
    return `${this.#mark}${known < 0 ? this.#texts.push(text) : known + 1}`;
  }

  lines(): string[] {
    return this.#texts.map((text, i) => `- ${this.#mark}${i + 1}: ${text}`);
  }
}

/** The section: table, reasons, tests. Throws when a test of proofs.table.ts is not in its file. */
export function familySection(): string[] {
  requireTests();
  const golden = goldenExamples();
  const families = familiesOf([...golden, ...catalogueExamples(golden)]);
  const proven = new Set(golden.map(({ family }) => family));
  const [reasons, tests] = [new Notes('R'), new Notes('T')];
  const refer = ({ file, title }: Test): string => tests.refer(`\`${file}\`: ${title}`);
  const rows = [...families].flatMap(([family, examples]) => {
    const refusals = COLUMNS.map((column) => refusalsOf(column, examples));
    return STORED.map((format) => {
      const cells = COLUMNS.map(({ name: target }, i) => {
        if (!canHold(format, family)) return `no ${reasons.refer(NOT_READ)}`;
        const verdict = verdictOf(refusals[i]!, examples, reasons);
        if (verdict.startsWith('no')) return verdict;
        return `${verdict}: ${proofOf({ format, family, target }, proven, refer)}`;
      });
      return `| ${family} | ${format} | ${cells.join(' | ')} |`;
    });
  });
  return [
    ...INTRODUCTION,
    `| family | stored as | ${COLUMNS.map(({ name }) => name).join(' | ')} |`,
    `|---|---|${'---|'.repeat(COLUMNS.length)}`,
    ...rows,
    '',
    'Reasons:',
    '',
    ...reasons.lines(),
    '',
    'Tests; `${…}` stands for names of models, formats and chips:',
    '',
    ...tests.lines(),
    '',
  ];
}

const NOT_READ = 'GGUF files of this family are not read';

const INTRODUCTION: readonly string[] = [
  '# Families, formats and targets',
  '',
  'Which family runs from which stored format on which target ([formats.md](formats.md) says what each format holds). A target is asked about the graphs of the checkpoints in `test/golden`;',
  '`in part` means that it refuses some of them. `jade` is a yes when all three chips run all of them. Weights become f32 in one place whatever they are stored as;',
  '',
  'the test of a cell runs whole models of the family from that format on that target (of the chips, on jade-edge at least). Quantised ones give the bits of the same model with the',
  'decoded values stored as F32, in one layout of the format (of compressed-tensors packed 4-bit integers, of modelopt NVFP4, of GGUF BF16 matrices and F32 vectors); formats.md has the tests of the others.',
  '',
];

function goldenExamples(): Example[] {
  return fs.readdirSync(GOLDEN).map((name) => {
    const { config, graph } = loadModel(path.join(GOLDEN, name));
    return { name, family: config.family, graph: graph({ logits: 'last' }) };
  });
}

/** Published models of the families that have no other example. */
function catalogueExamples(others: readonly Example[]): Example[] {
  const known = new Set(others.map(({ family }) => family));
  return catalogueModelNames().flatMap((name) => {
    const { model } = readCatalogueModel(name);
    if (known.has(model.family)) return [];
    const graph = buildGraph(model, NO_WEIGHTS, { logits: 'last' });
    return [{ name, family: model.family, graph }];
  });
}

function familiesOf(examples: readonly Example[]): Map<Family, Example[]> {
  const byFamily = Map.groupBy(examples, ({ family }) => family);
  return new Map([...byFamily].toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/** The examples that some target of the column refuses, by the reason. */
type Refusals = ReadonlyMap<string, readonly Example[]>;

/** Why the target does not run the graph; that it does not fit on a chip is a reason too. */
function whyNot(graph: Graph, target: Target): string | undefined {
  try {
    return whyRefused(graph, target);
  } catch (error) {
    if (error instanceof CapacityError) return `${target.name}: ${error.message}`;
    throw error;
  }
}

function refusalsOf({ targets }: Column, examples: readonly Example[]): Refusals {
  const refused = examples.flatMap((example) => {
    const [reason] = targets.flatMap((target) => whyNot(example.graph, target) ?? []);
    return reason === undefined ? [] : [{ example, reason }];
  });
  const byReason = Map.groupBy(refused, ({ reason }) => reason);
  return new Map([...byReason].map(([reason, same]) => [reason, same.map((x) => x.example)]));
}

function verdictOf(refusals: Refusals, examples: readonly Example[], reasons: Notes): string {
  if (refusals.size === 0) return 'yes';
  const noted = [...refusals].map(([reason, refused]) =>
    reasons.refer(`${refused.map(({ name }) => name).join(', ')}: ${reason}`),
  );
  const all = [...refusals.values()].flat().length === examples.length;
  return `${all ? 'no' : 'in part'} ${noted.join(' ')}`;
}

/** Whether weights of the family may be stored so: GGUF has its own list of architectures. */
function canHold(format: string, family: Family): boolean {
  return format !== GGUF || GGUF_FAMILIES.has(family);
}

/** The families of GGUF's architectures; the function of the router tells those of `deepseek2` apart. */
const GGUF_FAMILIES: ReadonlySet<unknown> = new Set(
  [...GGUF_ARCHITECTURES].flatMap(([architecture, { fields }]) =>
    [1, 2].map((router) => {
      const metadata = new Map<string, string | number>([
        ['general.architecture', architecture],
        [`${architecture}.expert_gating_func`, router],
      ]);
      return fields(new ModelMetadata(metadata, architecture), new Map())['model_type'];
    }),
  ),
);

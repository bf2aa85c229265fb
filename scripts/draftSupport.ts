// The table of drafts in docs/support.md: which family has a head of multi-token prediction that drafts, on which target.

import { UnsupportedError } from '../src/base/index.ts';
import { lowerGraph, requireSupport, type Target } from '../src/compile/index.ts';
import type { Graph } from '../src/ir/index.ts';
import {
  buildPredictorGraph,
  catalogueModelNames,
  NO_WEIGHTS,
  readCatalogueModel,
  type Family,
  type ModelConfig,
} from '../src/model/index.ts';
import { SUBJECTS } from '../test/conformance/conformance.ts';
import { requireTest } from './proofs.ts';

/** What proves every yes. */
const PROOF = {
  file: 'test/multiToken.test.ts',
  title: '${model} on ${target.name}: with drafts by the head the tokens are those of plain greedy',
};

/** A target runs drafts when it runs the head. Throws when the proof is not in its file. */
export function draftSection(): string[] {
  requireTest(PROOF);
  const heads = new Map<Family, Graph | string>();
  for (const { model } of catalogueModelNames().map((name) => readCatalogueModel(name))) {
    if (typeof (heads.get(model.family) ?? '') === 'string') heads.set(model.family, headOf(model));
  }
  const names = [...new Set(SUBJECTS.map(({ name }) => name.split('-')[0]!))];
  return [
    '# Drafts by MTP heads',
    '',
    'Whether `--draft mtp` runs. A target is asked about the head of a model of the catalogue. Each yes is proved by',
    `\`${PROOF.file}\`: ${PROOF.title}.`,
    '',
    `| family | ${names.join(' | ')} |`,
    `|---|${'---|'.repeat(names.length)}`,
    ...[...heads]
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(
        ([family, head]) =>
          `| ${family} | ${names.map((name) => cellOf(head, name)).join(' | ')} |`,
      ),
    '',
  ];
}

function headOf(model: ModelConfig): Graph | string {
  try {
    return buildPredictorGraph(model, NO_WEIGHTS, { logits: 'last' });
  } catch (error) {
    if (error instanceof UnsupportedError) return error.message.replace(/^.*?: /, '');
    throw error;
  }
}

function cellOf(head: Graph | string, target: string): string {
  if (typeof head === 'string') return `no: ${head}`;
  const subjects = SUBJECTS.filter(({ name }) => name.split('-')[0] === target);
  const [reason] = subjects.flatMap((subject) => whyHeadRefused(head, subject.target) ?? []);
  return reason === undefined ? 'yes' : `no: ${reason}`;
}

/** By its operators: heads have published sizes, for which making the program takes minutes. */
function whyHeadRefused(head: Graph, target: Target): string | undefined {
  try {
    requireSupport(lowerGraph(head, target), target);
  } catch (error) {
    if (error instanceof UnsupportedError) return error.message;
    throw error;
  }
  return undefined;
}

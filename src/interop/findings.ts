/** What a stack of software says of a model and its operators. */
import type { SoftwareStack, Status } from '../chip/index.ts';
import type { ModelFacts } from './facts.ts';
import type { Finding, FindingStatus } from './finding.ts';
import { PRECISION_NAMES, PUBLISHED, type PrecisionName } from './precision.ts';

/** Rows of a stack that say something of a chip. */
function rowsFor<T extends { readonly chips: readonly string[] }>(
  rows: readonly T[],
  chipClass: string,
): T[] {
  return rows.filter(({ chips }) => chips.includes(chipClass));
}

/** What a row rests on, for people. */
export function sourceOf(
  { name, version, sources }: SoftwareStack,
  row: { readonly source: string; readonly version: string | null; readonly confidence: string },
) {
  const { what, url } = sources[row.source]!;
  return { basis: `${name} ${row.version ?? version}: ${what} (${row.confidence})`, url };
}

/** Rows about the model itself. */
function modelRows({ name, family }: ModelFacts, stack: SoftwareStack, chipClass: string) {
  return rowsFor(stack.models, chipClass).filter(
    ({ families, models }) => families.includes(family) && (models?.includes(name) ?? true),
  );
}

/** The precisions in which the stack runs the model on a class of chips. */
export function precisionsOf(
  facts: ModelFacts,
  stack: SoftwareStack,
  chipClass: string | undefined,
): PrecisionName[] {
  const named = modelRows(facts, stack, chipClass ?? '').flatMap(({ precisions }) => precisions);
  return PRECISION_NAMES.filter((name) => named.includes(name));
}

/** What the stack says of the whole model in this precision. */
export function modelFindings(
  facts: ModelFacts,
  stack: SoftwareStack,
  chipClass: string,
  precision: PrecisionName,
): Finding[] {
  const { family } = facts;
  const rows = modelRows(facts, stack, chipClass);
  const finding = { about: 'model', subject: `${family} on ${stack.name}` } as const;
  if (rows.length === 0) {
    const text = `${stack.name} says nothing of ${family} on this chip`;
    return [{ ...finding, status: 'unknown', text, basis: stack.version, url: null }];
  }
  return rows.map((row) => {
    const listed = row.precisions.length === 0 || row.precisions.includes(precision);
    const note = row.note === '' ? '' : `; ${row.note}`;
    const instead = listed ? '' : `; ${precision} is not among its precisions`;
    const precisions = row.precisions.length === 0 ? '' : ` in ${row.precisions.join(', ')}`;
    const status = listed ? row.status : precision === PUBLISHED ? loaded(row.status) : 'unknown';
    return {
      ...finding,
      status,
      text: `${row.status}${precisions}${instead}${note}`,
      ...sourceOf(stack, row),
    };
  });
}

/** A checkpoint that a stack does not run as it is, is loaded into a precision that it runs. */
function loaded(status: Status): FindingStatus {
  return status === 'native' ? 'fallback' : status;
}

/** Operators of the model about which the stack says something of their own. */
export function operatorFindings(
  { operators }: ModelFacts,
  stack: SoftwareStack,
  chipClass: string,
): Finding[] {
  return rowsFor(stack.operators, chipClass).flatMap((row) => {
    const used = operators.filter(({ op }) => row.operators.includes(op));
    return used.map(({ op, nodes }): Finding => {
      const becomes = row.becomes === null ? '' : `; instead: ${row.becomes}`;
      const note = row.note === '' ? '' : `; ${row.note}`;
      const kernel = row.status === 'missing' ? 'no kernel' : row.status;
      const text = `${OPERATOR_NAMES[op] ?? op}: ${kernel} (${nodes} nodes)${becomes}${note}`;
      return { about: 'operator', subject: op, status: row.status, text, ...sourceOf(stack, row) };
    });
  });
}

/** Names people know operators by. */
const OPERATOR_NAMES: Partial<Record<string, string>> = {
  gatedDelta: 'gatedDelta (GDN, gated delta rule)',
  causalConvolution: 'causalConvolution (short convolution of GDN layers)',
  experts: 'experts (mixture of experts)',
};

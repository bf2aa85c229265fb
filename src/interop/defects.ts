/** Defects known upstream, and whether they show in a layout. */
import type { Defect } from '../chip/index.ts';
import type { ModelFacts } from './facts.ts';
import type { Finding } from './finding.ts';
import type { Layout } from '../cluster/index.ts';
import type { PrecisionName } from './precision.ts';

/** Defects known upstream of this model on this chip, of whatever stack, layout and precision, which they say. */
export function defectFindings(
  { name, family }: ModelFacts,
  chip: string,
  defects: readonly Defect[],
  {
    layout,
    precision,
    stack,
  }: {
    readonly layout: Layout;
    readonly precision: PrecisionName;
    readonly stack: string | undefined;
  },
): Finding[] {
  return defects
    .filter(
      ({ chips, families, models }) =>
        chips.includes(chip) && families.includes(family) && (models?.includes(name) ?? true),
    )
    .map((defect): Finding => {
      const applies = showsIn(defect, layout, precision);
      const condition = conditionText(defect);
      const way = defect.workaround === null ? '' : `; instead: ${defect.workaround}`;
      const version = defect.version === null ? '' : ` in ${defect.version}`;
      return {
        about: 'defect',
        subject: defect.id,
        status: applies && defect.stack === stack && isOpen(defect) ? 'experimental' : 'noted',
        text: `${defect.title}${version}${condition}: ${defect.effect} (${defect.state}${applies ? '' : ', not in this layout'})${way}`,
        basis: `${defect.stack}, ${defect.source.day ?? 'undated'} (${defect.confidence})`,
        url: defect.source.url,
      };
    });
}

function isOpen({ state, severity }: Defect): boolean {
  return state === 'open' && severity === 'wrong or stops';
}

function showsIn(
  { when }: Defect,
  { tensor, pipeline, expert }: Layout,
  precision: PrecisionName,
): boolean {
  return (
    tensor >= (when.tensorParallelFrom ?? 1) &&
    pipeline >= (when.pipelineParallelFrom ?? 1) &&
    expert >= (when.expertParallelFrom ?? 1) &&
    (when.precisions?.includes(precision) ?? true)
  );
}

function conditionText({ when }: Defect): string {
  const parts = [
    when.tensorParallelFrom === undefined ? [] : [`tp ≥ ${when.tensorParallelFrom}`],
    when.pipelineParallelFrom === undefined ? [] : [`pp ≥ ${when.pipelineParallelFrom}`],
    when.expertParallelFrom === undefined ? [] : [`ep ≥ ${when.expertParallelFrom}`],
    when.precisions === undefined ? [] : [`precision ${when.precisions.join(', ')}`],
  ].flat();
  return parts.length === 0 ? '' : ` with ${parts.join(' and ')}`;
}

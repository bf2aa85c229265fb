/** The part of `celadon plan` that predicts training. */
import { CapacityError, formatBytes } from '../base/index.ts';
import { layoutToString, searchTraining, type TrainingBudget } from '../cluster/index.ts';
import type { Output } from './output.ts';
import { formatRows, type Format } from './rows.ts';

const HEADINGS = [
  ...['layout', 'stages', 'recompute', 'step s', 'TFLOPS', 'bubble', 'links', 'memory'],
  ...['M chip-hours', 'days', 'limited by'],
];

/** Finds and prints layouts to train in; `provenance` is what they rest on. */
export function planTraining(
  budget: TrainingBudget,
  format: Format,
  provenance: readonly string[],
  output: Output,
): void {
  const { plans, rejected } = searchTraining(budget);
  if (plans.length === 0) {
    const reasons = [...new Set(rejected.map(({ reason }) => reason))];
    throw new CapacityError(`a layout must be possible, but none is: ${reasons.join('; ')}`, {
      where: `${budget.count / budget.chip.devices} × ${budget.chip.chip.id}`,
      hint: 'give more chips, a narrower --precision, or a batch that divides evenly',
    });
  }
  const { model, chip, tokens, batch, sequenceTokens } = budget;
  const count = budget.count / chip.devices;
  if (output.json) {
    output.result({
      ...{ model: model.name, chip: chip.chip.id, count, tokens, batch, sequenceTokens },
      precision: chip.precision.linear.format,
      plans: plans.map(({ layout, step, ...plan }) => ({
        layout: { tp: layout.tensor, pp: layout.pipeline, dp: layout.data, ep: layout.expert },
        ...plan,
        ...step,
        provenance,
      })),
      rejected,
    });
    return;
  }
  const rows = plans.map(({ layout, pipeline, recompute, step, memoryBytes, limitedBy }) => [
    ...[layoutToString(layout), pipeline, recompute, step.seconds.toFixed(2)],
    (step.operationsPerSecondPerChip / 1e12).toFixed(0),
    ...[step.bubbleSeconds, step.linkSeconds].map(
      (part) => `${((100 * part) / step.seconds).toFixed(1)} %`,
    ),
    ...[
      formatBytes(memoryBytes),
      (step.chipHours / 1e6).toFixed(3),
      step.days.toFixed(1),
      limitedBy,
    ],
  ]);
  if (format === 'text') {
    output.line(
      output.mark('bold', `${model.name} on ${count} × ${chip.chip.name}`) +
        `: ${tokens / 1e12} T tokens, products in ${chip.precision.linear.format}\n`,
    );
  }
  output.line(formatRows([HEADINGS, ...rows], format));
  if (format === 'text')
    output.line(output.mark('gray', `\nrests on:\n  ${provenance.join('\n  ')}`));
}

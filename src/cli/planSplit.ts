/** The part of `celadon plan` that puts prompts and tokens on chips of their own. */
import { CapacityError } from '../base/index.ts';
import { layoutToString, searchSplit, type Pool, type SplitRequest } from '../cluster/index.ts';
import type { Output } from './output.ts';
import { isStream, splitStreamTimes, streamTable, type Stream } from './planTrace.ts';
import { formatRows, type Format } from './rows.ts';

const HEADINGS = [
  ...['prompts', 'tokens', 'batch', 'TTFT ms', 'TPOT ms', 'tok/s/chip', 'limited by', 'targets'],
];

export function planSplit(
  request: SplitRequest,
  { format, ...asked }: Stream & { readonly format: Format },
  provenance: readonly string[],
  output: Output,
): void {
  const plans = searchSplit(request);
  const [best] = plans;
  if (best === undefined) {
    throw new CapacityError('each pool must hold the model, but one does not', {
      where: `${request.read.count} × ${request.read.chip.chip.id}, ${request.write.count} × ${request.write.chip.chip.id}`,
      hint: 'celadon plan for each pool alone says why',
    });
  }
  const stream = isStream(asked) ? splitStreamTimes(asked, best, request) : undefined;
  if (output.json) {
    const { model, workload } = request;
    output.result({
      ...{ model: model.name, workload },
      plans: plans.map(({ read, write, serving, ...plan }) => ({
        ...{ mode: 'disaggregated', read: poolReport(read), write: poolReport(write) },
        batch: serving.batch,
        ttftMs: serving.ttftSeconds * 1e3,
        tpotMs: serving.tpotSeconds * 1e3,
        tokensPerSecondPerChip: serving.tokensPerSecondPerChip,
        ...plan,
        provenance,
      })),
      stream: stream ?? null,
    });
  } else {
    const rows = plans.map(({ read, write, serving, limitedBy, missed }) => [
      ...[poolText(read), poolText(write), `${serving.batch}`],
      ...[(serving.ttftSeconds * 1e3).toFixed(0), (serving.tpotSeconds * 1e3).toFixed(2)],
      ...[serving.tokensPerSecondPerChip.toFixed(1), limitedBy],
      missed === undefined ? 'met' : `${missed.target} × ${missed.factor.toFixed(2)}`,
    ]);
    output.line(formatRows([HEADINGS, ...rows], format));
    if (stream !== undefined) output.line(`\n${streamTable(stream)}`);
  }
  if (best.missed === undefined) return;
  const { target, factor } = best.missed;
  throw new CapacityError(`${target} is missed by × ${factor.toFixed(2)} in the closest plan`, {
    where: `${poolText(best.read)} and ${poolText(best.write)}`,
    hint: 'give more chips or fewer requests, or another limit',
  });
}

function poolText({ replica, replicas }: Pool): string {
  return `${replicas} × ${replica.chip.chip.id} ${layoutToString(replica.layout)}`;
}

function poolReport({ replica, replicas, sequences }: Pool) {
  const { tensor, pipeline, data, expert } = replica.layout;
  const layout = { tp: tensor, pp: pipeline, dp: data, ep: expert };
  return { chip: replica.chip.chip.id, layout, replicas, sequences };
}

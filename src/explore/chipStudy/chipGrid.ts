/**
 * The chips of a study as its search and its evaluators see them: a grid with limits and bounds, and an
 * evaluation for each point. Made of the definition alone, so that every process makes the same.
 */
import { parseModelConfig } from '../../model/index.ts';
import { Evaluator, type ChipFigures, type Bound } from '../evaluate/evaluate.ts';
import type { MetricName } from '../evaluate/metrics.ts';
import type { Busy } from '../evaluate/phase.ts';
import type { Workload } from '../evaluate/workload.ts';
import type { Grid, Point } from '../search/problem.ts';
import type { ChipEstimates } from '../space/chipEstimates.ts';
import { isMisfit } from '../space/chipRules.ts';
import type { Design } from '../space/design.ts';
import type { Limits } from '../space/limits.ts';
import { powerOf } from '../space/power.ts';
import { DesignSpace } from '../space/space.ts';
import type { PointEvaluation, StudyObjective } from '../study/index.ts';
import type { ChipStudyInputs } from './inputs.ts';

/** Of points that are no chips at all, so that they are nearest to nothing. */
const NO_CHIP = Number.MAX_VALUE;

export class ChipGrid implements Grid {
  readonly space: DesignSpace;
  readonly limits: Limits;
  readonly sizes: readonly number[];
  private readonly objectives: readonly StudyObjective[];
  private readonly estimates: ChipEstimates;
  private readonly evaluator: Evaluator;

  constructor(
    inputs: ChipStudyInputs,
    objectives: readonly StudyObjective[],
    limits: Limits,
    estimates: ChipEstimates,
  ) {
    this.space = new DesignSpace(inputs.space, estimates);
    this.sizes = this.space.sizes;
    this.limits = limits;
    this.objectives = objectives;
    this.estimates = estimates;
    this.evaluator = new Evaluator(workloadsOf(inputs), (chip) => figuresOf(chip, estimates));
  }

  violation(point: Point): number {
    const design = this.space.designAt(point);
    return isMisfit(design) ? NO_CHIP : this.limits.violation(design);
  }

  bound(point: Point): readonly number[] | undefined {
    const design = this.space.designAt(point);
    if (isMisfit(design)) return undefined;
    const bound = this.evaluator.bound(design);
    if (bound === undefined) return undefined;
    const values = this.objectives.map(({ metric, want }) => {
      const best = this.best(metric as MetricName, design, bound);
      return want === 'most' ? best : -best;
    });
    return values.every(Number.isFinite) ? values : undefined;
  }

  evaluate(point: Point): PointEvaluation {
    const design = this.space.designAt(point);
    if (isMisfit(design)) return { misfit: design.misfit };
    const evaluation = this.evaluator.evaluate(design);
    if ('misfit' in evaluation) return evaluation;
    const { metrics, limitedBy, batch } = evaluation;
    const broken = this.limits.broken(design, metrics);
    const violation = broken.reduce((sum, { excess }) => sum + excess, 0);
    return { metrics: { ...metrics }, limitedBy, batch, violation };
  }

  /** What a metric cannot be better than; NaN where nothing bounds it. */
  private best(metric: MetricName, { decode, prefill }: Design, bound: Bound): number {
    const figures = [decode, ...(prefill ? [prefill] : [])].map(({ chip }) =>
      figuresOf(chip, this.estimates),
    );
    const least = (of: (figures: ChipFigures) => number | null): number =>
      Math.min(...figures.map((each) => of(each) ?? NaN));
    const idle = (each: ChipFigures): number | null => each.watts(IDLE);
    const leastWatts = (): number =>
      Math.min(
        figures[0]!.watts(busyAt(bound, decode.chip)) ?? NaN,
        ...figures.slice(1).map((reader) => idle(reader) ?? NaN),
      );
    switch (metric) {
      case 'tokensPerSecond':
      case 'ttftMs':
      case 'tpotMs':
        return bound[metric];
      case 'tokensPerSecondPerMm2':
        return bound.tokensPerSecond / least(({ areaMm2 }) => areaMm2);
      case 'tokensPerSecondPerDollar':
        return bound.tokensPerSecond / least(({ chipDollars }) => chipDollars);
      case 'tokensPerSecondPerWatt':
        // Watts grow with the rate from what idle chips take, so the highest rate is the best here too.
        return bound.tokensPerSecond / leastWatts();
      case 'powerWatts':
        return least(idle);
      default:
        return least((each) => each[metric]);
    }
  }
}

/** Shares of a chip's time that its tokens take at the least, at the highest rate. */
function busyAt(
  { tokensPerSecond, bytesPerToken, macsPerToken }: Bound,
  { cores, clockHz, memory, matrix }: Design['decode']['chip'],
): Busy {
  const tokensPerCycle = tokensPerSecond / (cores * clockHz);
  const share = (work: number, perCycle: number): number =>
    Math.min(1, (tokensPerCycle * work) / perCycle);
  return {
    memory: share(bytesPerToken, memory.bytesPerCycle),
    matrix: share(macsPerToken, matrix.lanes * matrix.columns),
    vector: 0,
  };
}

const IDLE = { memory: 0, matrix: 0, vector: 0 } as const;

function workloadsOf({ models, workload, limits }: ChipStudyInputs): Workload[] {
  const { inputTokens, outputTokens, concurrency } = workload;
  return models.map(({ name, raw, weight, acceptance }) => ({
    name,
    model: parseModelConfig(raw, name),
    ...{ inputTokens, outputTokens, weight, acceptance },
    mostTpotMs: limits.tpotMs,
    mostSequences: concurrency ?? undefined,
  }));
}

/** What estimates say of a chip, as an evaluation asks for it. */
function figuresOf(chip: Design['decode']['chip'], estimates: ChipEstimates): ChipFigures {
  const { silicon, memory, cost, ...figures } = estimates.of(chip);
  const bytesPerSecond = chip.cores * chip.memory.bytesPerCycle * chip.clockHz;
  return {
    ...figures,
    chipDollars: cost && cost.dollars.value,
    watts: (busy) => {
      const memoryBytesPerSecond = busy.memory * bytesPerSecond;
      return powerOf(chip, silicon, memory, { ...busy, memoryBytesPerSecond }).total;
    },
  };
}

/** What a study of chips is asked, as JSON: all that decides what it finds. */
import { nearestName, UsageError, type JsonRecord } from '../../base/index.ts';
import type { MetricName } from '../evaluate/metrics.ts';
import type { SpaceFile } from '../space/axes.ts';
import type { LimitsFile } from '../space/limits.ts';
import type { Json, StudyDefinition, StudyObjective } from '../study/index.ts';

export interface StudiedModel {
  readonly name: string;
  /** Its config.json, changed or not. */
  readonly raw: JsonRecord;
  /** Share of all tokens written; those of all models sum to 1. */
  readonly weight: number;
  /** Share of drafts of its own head that are right, 0 to 1; undefined: nothing is drafted. */
  readonly acceptance?: number | undefined;
}

export interface StudiedWorkload {
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** Sequences of a replica at most; null for as many as fit. */
  readonly concurrency: number | null;
}

export const SEARCHES = ['auto', 'exhaustive', 'genetic', 'random'] as const;
export type SearchName = (typeof SEARCHES)[number];

export interface ChipStudyInputs {
  readonly models: readonly StudiedModel[];
  readonly workload: StudiedWorkload;
  readonly limits: LimitsFile;
  readonly space: SpaceFile;
  readonly search: {
    readonly name: SearchName;
    readonly seed: number;
    /** Points to evaluate at most; an exhaustive search has none. */
    readonly evaluations: number;
  };
}

/** What can be wanted, and whether much or little of it. */
export const OBJECTIVES: Readonly<Record<MetricName, StudyObjective['want']>> = {
  tokensPerSecond: 'most',
  tokensPerSecondPerWatt: 'most',
  tokensPerSecondPerMm2: 'most',
  tokensPerSecondPerDollar: 'most',
  ttftMs: 'least',
  tpotMs: 'least',
  areaMm2: 'least',
  powerWatts: 'least',
  tpp: 'least',
  performanceDensity: 'least',
  memoryBandwidthGBs: 'least',
  memoryCapacityGiB: 'least',
  chipDollars: 'least',
};

/** Watts count only where the energy of every memory is known: else designs with the others could not be ranked. */
export const DEFAULT_OBJECTIVES = ['tokensPerSecond', 'tokensPerSecondPerMm2'] as const;
export const WATT_OBJECTIVE = 'tokensPerSecondPerWatt';

/** From `tokensPerSecond,tpotMs`. Throws UsageError for what is no metric, or named twice. */
export function parseObjectives(text: string): StudyObjective[] {
  const names = text.split(',').map((name) => name.trim());
  const known = Object.keys(OBJECTIVES);
  const wrong = names.find((name, i) => !known.includes(name) || names.indexOf(name) !== i);
  if (wrong === undefined)
    return names.map((metric) => ({ metric, want: OBJECTIVES[metric as MetricName] }));
  const near = known.includes(wrong) ? undefined : nearestName(wrong, known);
  throw new UsageError(
    `objectives must be different ones of ${known.join(', ')}, not ${JSON.stringify(wrong)}`,
    {
      where: '--objectives',
      hint:
        near === undefined
          ? `for example ${DEFAULT_OBJECTIVES.join(',')}`
          : `did you mean ${near}?`,
    },
  );
}

/** Axes of a study carry the role and the name of those of its space. */
export function definitionOf(
  inputs: ChipStudyInputs,
  axes: StudyDefinition['axes'],
  objectives: readonly StudyObjective[],
  celadon: StudyDefinition['celadon'],
): StudyDefinition {
  return { celadon, axes, objectives, inputs: inputs as unknown as Record<string, Json> };
}

export function inputsOf(definition: StudyDefinition): ChipStudyInputs {
  return definition.inputs as unknown as ChipStudyInputs;
}

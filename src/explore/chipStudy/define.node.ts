/** The definition of a study of chips, from the files and names that a user gives. */
import { loadExportRules, readDescription } from '../../chip/index.ts';
import { COMPARE_LIMITS, Limits, parseLimits, type LimitsFile } from '../space/limits.ts';
import { loadChipEstimates, loadSpaceFile } from '../space/load.node.ts';
import type { SpaceFile } from '../space/axes.ts';
import type { ChipEstimates } from '../space/chipEstimates.ts';
import type { StudyDefinition } from '../study/index.ts';
import { ChipGrid } from './chipGrid.ts';
import {
  DEFAULT_OBJECTIVES,
  definitionOf,
  parseObjectives,
  WATT_OBJECTIVE,
  type ChipStudyInputs,
} from './inputs.ts';

export interface ChipStudyRequest extends Omit<ChipStudyInputs, 'limits' | 'space'> {
  /** A JSON file; undefined for no limits. */
  readonly limits: string | undefined;
  /** A name of catalogue/spaces, or a JSON file. */
  readonly space: string;
  /** Names with commas between; undefined for the usual ones. */
  readonly objectives: string | undefined;
  readonly celadon: StudyDefinition['celadon'];
}

/** Throws UsageError, ChipError or what parseModelConfig throws, for whatever is wrong, before anything runs. */
export async function defineChipStudy({
  objectives: wanted,
  celadon,
  ...request
}: ChipStudyRequest): Promise<StudyDefinition> {
  const inputs = {
    ...request,
    limits: limitsOf(request.limits),
    space: loadSpaceFile(request.space),
  };
  const estimates = await loadChipEstimates();
  const objectives = parseObjectives(wanted ?? usualObjectives(inputs.space, estimates));
  const limits = new Limits(inputs.limits, estimates, loadExportRules());
  const { space } = new ChipGrid(inputs, objectives, limits, estimates);
  const axes = space.axes.map(({ role, name, values }) => ({
    name: role === 'decode' ? name : `prefill ${name}`,
    values,
  }));
  return definitionOf(inputs, axes, objectives, celadon);
}

function limitsOf(file: string | undefined): LimitsFile {
  if (file === undefined) return {};
  return parseLimits(readDescription(file, COMPARE_LIMITS, 'limits are a JSON file'), file);
}

function usualObjectives({ axes, prefill }: SpaceFile, estimates: ChipEstimates): string {
  const memories = [...axes.memory, ...(prefill?.memory ?? [])];
  const known = memories.every((id) => estimates.memory(id).picojoulesPerBit !== null);
  return [...DEFAULT_OBJECTIVES, ...(known ? [WATT_OBJECTIVE] : [])].join(',');
}

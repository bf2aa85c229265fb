/** The definition of a study of chips, from the files and names that a user gives. */
import { loadExportRules, readDescription } from '../../chip/index.ts';
import { parseModelConfig } from '../../model/index.ts';
import { COMPARE_LIMITS, Limits, parseLimits, type LimitsFile } from '../space/limits.ts';
import { loadChipEstimates, loadSpaceFile } from '../space/load.node.ts';
import { DesignSpace } from '../space/space.ts';
import type { StudyDefinition, StudyObjective } from '../study/index.ts';
import { definitionOf, type ChipStudyInputs } from './inputs.ts';

export interface ChipStudyRequest extends Omit<ChipStudyInputs, 'limits' | 'space'> {
  /** A JSON file; undefined for no limits. */
  readonly limits: string | undefined;
  /** A name of catalogue/spaces, or a JSON file. */
  readonly space: string;
  readonly objectives: readonly StudyObjective[];
  readonly celadon: StudyDefinition['celadon'];
}

/** Throws UsageError, ChipError or what parseModelConfig throws, for whatever is wrong, before anything runs. */
export async function defineChipStudy({
  objectives,
  celadon,
  ...request
}: ChipStudyRequest): Promise<StudyDefinition> {
  const limits = limitsOf(request.limits);
  const space = loadSpaceFile(request.space);
  for (const { raw, name } of request.models) parseModelConfig(raw, name);
  const estimates = await loadChipEstimates();
  new Limits(limits, estimates, loadExportRules()); // names that the catalogue does not have are found here
  const axes = new DesignSpace(space, estimates).axes.map(({ role, name, values }) => ({
    name: role === 'decode' ? name : `prefill ${name}`,
    values,
  }));
  return definitionOf({ ...request, limits, space }, axes, objectives, celadon);
}

function limitsOf(file: string | undefined): LimitsFile {
  if (file === undefined) return {};
  return parseLimits(readDescription(file, COMPARE_LIMITS, 'limits are a JSON file'), file);
}

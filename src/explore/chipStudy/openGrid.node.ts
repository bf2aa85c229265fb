/** A grid of chips from the definition of its study: also the module that threads and workers load. */
import { loadExportRules } from '../../chip/index.ts';
import { Limits } from '../space/limits.ts';
import { loadChipEstimates } from '../space/load.node.ts';
import type { EvaluateModule, StudyDefinition } from '../study/index.ts';
import { ChipGrid } from './chipGrid.ts';
import { inputsOf } from './inputs.ts';

export async function openGrid(definition: StudyDefinition): Promise<ChipGrid> {
  const inputs = inputsOf(definition);
  const estimates = await loadChipEstimates();
  const limits = new Limits(inputs.limits, estimates, loadExportRules());
  return new ChipGrid(inputs, definition.objectives, limits, estimates);
}

export const createEvaluate: EvaluateModule['createEvaluate'] = async (definition) => {
  const grid = await openGrid(definition);
  return (point) => grid.evaluate(point);
};

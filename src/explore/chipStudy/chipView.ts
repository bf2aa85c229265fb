/** The grid of a study of chips as explanations see it. */
import type { Excess, Look, View } from '../explain/view.ts';
import type { Point } from '../search/problem.ts';
import { isMisfit } from '../space/chipRules.ts';
import type { BrokenLimit, Served } from '../space/limits.ts';
import { outcomeOf, type StudyDefinition } from '../study/study.ts';
import type { ChipGrid } from './chipGrid.ts';

/** Of the definition that the grid was made of. */
export function chipView(grid: ChipGrid, { axes, objectives }: StudyDefinition): View {
  const broken = (point: Point, served?: Served): Excess[] => {
    const design = grid.space.designAt(point);
    return isMisfit(design) ? [] : grid.limits.broken(design, served).map(excessOf);
  };
  return {
    axes: axes.map(({ name, values }) => ({ name, values: values as (number | string)[] })),
    objectives: objectives.map(({ metric }) => metric),
    limits: Object.keys(grid.limits.file),
    brokenBefore: (point) => broken(point),
    look(point): Look {
      const evaluation = grid.evaluate(point);
      const { objectives: values } = outcomeOf(objectives, evaluation);
      if (evaluation.misfit !== undefined) return { misfit: evaluation.misfit };
      if (values === undefined) return { misfit: 'an objective is not known' };
      return {
        objectives: values,
        broken: broken(point, evaluation.metrics as unknown as Served),
        limitedBy: `${evaluation['limitedBy']}`,
      };
    },
  };
}

const excessOf = ({ limit, excess }: BrokenLimit): Excess => ({ limit, excess });

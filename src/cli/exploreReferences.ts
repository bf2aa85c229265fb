/** Chips that can be bought, for the plot of `celadon explore`. */
import { loadAccelerator } from '../chip/index.ts';
import { servedModel, type Workload } from '../cluster/index.ts';
import { compareChip, referenceOf, type ComparedChip, type Reference } from '../explore/index.ts';
import { checkModel, PUBLISHED } from '../interop/index.ts';
import { knowledge } from './check.ts';
import { modelToCheck } from './checkModels.ts';

/** Those that the question of what to build instead is asked of. */
export const REFERENCE_CHIPS = 'nvidia-h20,huawei-ascend-910c,huawei-ascend-950pr';

/** `models` in equal shares of all tokens. */
export function referencesFor(
  models: readonly string[],
  chips: readonly string[],
  workload: Workload,
): Reference[] {
  const compared = models.map((name) => comparer(name, workload));
  return chips.map((id) =>
    referenceOf(compared.map((on) => ({ compared: on(id), weight: 1 / models.length }))),
  );
}

function comparer(name: string, workload: Workload): (id: string) => ComparedChip {
  const model = modelToCheck(name);
  const known = knowledge();
  const compared = {
    served: servedModel(model.configuration),
    prompt: model.promptGraph(),
    decode: model.graph,
    hasExperts: model.facts.groups.experts > 0,
  };
  const contextTokens = workload.input + workload.output;
  const request = { contextTokens, batch: workload.concurrency, precision: PUBLISHED } as const;
  return (id) => {
    const chip = loadAccelerator(id);
    return compareChip(compared, checkModel(model.facts, chip, request, known), chip, workload);
  };
}

/** `celadon verify --model`: a model by its name or folder, on the RTL. */
import type { Chip } from '../chip/index.ts';
import type { ModelReport, ModelSession } from '../explore/index.ts';
import { openModel } from './models.ts';

export type { ModelReport };

export async function verifyModel(
  chip: Chip,
  { model, ...session }: ModelSession & { readonly model: string },
): Promise<ModelReport> {
  const { modelOnRtl } = await import('../explore/index.ts');
  return modelOnRtl(chip, openModel(model), session);
}

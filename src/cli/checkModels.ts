/** Models of `celadon check`: what is known of one before a weight is read. */
import { modelFacts, type ModelFacts } from '../interop/index.ts';
import type { Graph } from '../ir/index.ts';
import {
  buildGraph,
  catalogueModelNames,
  isConfiguration,
  NO_WEIGHTS,
  readCatalogueModel,
  readConfiguration,
  type Checkpoint,
  type ModelConfig,
} from '../model/index.ts';
import { builtinModelNames, openModel } from './models.ts';

/** A model with the graph that chips of ours are asked about. */
export interface CheckedModel {
  readonly facts: ModelFacts;
  readonly graph: Graph;
}

/** Latent attention is counted in the form that is run: with only the latent in the state. */
const OPTIONS = { logits: 'last', latentAttention: 'absorbed' } as const;

/**
 * A name of the catalogue, a config.json or a folder with one, a checkpoint or a GGUF file. Throws
 * UsageError when it is none, and as reading of configurations does.
 */
export function modelToCheck(name: string): CheckedModel {
  const known = catalogueModelNames();
  if (known.includes(name) && !builtinModelNames().includes(name)) return catalogueModel(name);
  if (!builtinModelNames().includes(name) && isConfiguration(name)) {
    const { name: short, raw, model } = readConfiguration(name);
    const graph = buildGraph(model, NO_WEIGHTS, OPTIONS);
    return { facts: modelFacts({ name: short, raw, config: model, graph }), graph };
  }
  const { name: short, config, checkpoint, graph: build } = openModel(name, known);
  const graph = build(OPTIONS);
  const storedBytes = sizeOf(checkpoint);
  const raw = checkpoint.config;
  return { facts: modelFacts({ name: short, raw, config, graph, storedBytes }), graph };
}

export function catalogueModel(name: string): CheckedModel {
  const { raw, model, sources } = readCatalogueModel(name);
  const graph = buildGraph(model, NO_WEIGHTS, OPTIONS);
  return { facts: modelFacts({ name, raw, config: model as ModelConfig, graph, sources }), graph };
}

/** Bytes of all tensors. */
function sizeOf(checkpoint: Checkpoint): number {
  const sizes = checkpoint.tensorNames().map((tensor) => checkpoint.info(tensor).sizeBytes);
  return sizes.reduce((sum, bytes) => sum + bytes, 0);
}

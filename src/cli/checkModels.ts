/** Models of `celadon check`: what is known of one before a weight is read. */
import type { JsonRecord } from '../base/index.ts';
import { modelFacts, type ModelFacts, type ModelInput } from '../interop/index.ts';
import type { Graph } from '../ir/index.ts';
import {
  buildGraph,
  catalogueModelNames,
  isConfiguration,
  NO_WEIGHTS,
  readCatalogueModel,
  readConfiguration,
  type CatalogueModel,
  type Checkpoint,
  type ModelConfig,
} from '../model/index.ts';
import { builtinModelNames, openModel } from './models.ts';

/** A model with the graph that chips of ours are asked about. */
export interface CheckedModel {
  readonly facts: ModelFacts;
  readonly configuration: Pick<CatalogueModel, 'name' | 'model' | 'raw'>;
  readonly graph: Graph;
  /** The graph that reads prompts: latent attention expanded to keys and values of all heads. */
  promptGraph(): Graph;
}

const PROMPT = { logits: 'last', latentAttention: 'naive' } as const;

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
    return fromConfiguration(short, raw, model);
  }
  const { name: short, config, checkpoint, graph: build } = openModel(name, known);
  const graph = build(OPTIONS);
  const raw = checkpoint.config;
  const facts = modelFacts({ name: short, raw, config, graph, stored: storedAs(checkpoint) });
  const configuration = { name: short, model: config, raw };
  return { facts, configuration, graph, promptGraph: () => build(PROMPT) };
}

export function catalogueModel(name: string): CheckedModel {
  const { raw, model, sources } = readCatalogueModel(name);
  return fromConfiguration(name, raw, model, sources);
}

function fromConfiguration(
  name: string,
  raw: JsonRecord,
  config: ModelConfig,
  sources: readonly string[] = [],
): CheckedModel {
  const graph = buildGraph(config, NO_WEIGHTS, OPTIONS);
  const facts = modelFacts({ name, raw, config, graph, sources });
  const configuration = { name, model: config, raw };
  return {
    ...{ facts, configuration, graph },
    promptGraph: () => buildGraph(config, NO_WEIGHTS, PROMPT),
  };
}

/** Formats of stored tensors by the names of safetensors and GGUF; a name is tried by its beginning. */
const STORED_FORMATS: readonly (readonly [string, StoredFormat])[] = [
  ['F16', 'fp16'],
  ['F8', 'fp8'],
  ['I8', 'int8'],
  ['Q8', 'int8'],
  ['MXFP4', 'mxfp4'],
  ['Q', 'int4'],
  ['IQ', 'int4'],
];

type StoredFormat = NonNullable<ModelInput['stored']>['format'];

/** Bytes of all tensors, and the format of most of them. */
function storedAs(checkpoint: Checkpoint): NonNullable<ModelInput['stored']> {
  const infos = checkpoint.tensorNames().map((tensor) => checkpoint.info(tensor));
  const sum = (group: typeof infos): number => group.reduce((all, each) => all + each.sizeBytes, 0);
  const sizes = [...Map.groupBy(infos, ({ dtype }) => dtype)].map(
    ([dtype, group]) => [dtype.toUpperCase(), sum(group)] as const,
  );
  const [most = ''] = sizes.toSorted(([, a], [, b]) => b - a)[0] ?? [];
  const found = STORED_FORMATS.find(([start]) => most.startsWith(start));
  return { bytes: sum(infos), format: found?.[1] ?? 'bf16' };
}

/** A model as it is served: its kernels when it reads prompts, and when it writes. */
import { UnsupportedError } from '../base/index.ts';
import {
  kernelsOf,
  publishedPrecision,
  type KernelGraph,
  type WantedPrecision,
} from '../cost/index.ts';
import {
  buildGraph,
  buildPredictorGraph,
  NO_WEIGHTS,
  type CatalogueModel,
  type ModelConfig,
} from '../model/index.ts';

export interface ServedModel {
  readonly name: string;
  readonly prefill: KernelGraph;
  readonly decode: KernelGraph;
  /** The head of multi-token prediction; undefined, with the reason, where it is not read. */
  readonly draft: KernelGraph | undefined;
  /** The same for all tokens of a prompt at once, as in training. */
  readonly draftPrefill: KernelGraph | undefined;
  readonly noDraft: string | undefined;
  /** What the weights of the checkpoint are in. */
  readonly published: WantedPrecision;
}

/**
 * From a configuration. Latent attention is expanded to keys and values of all heads for prompts, and
 * absorbed for single tokens [1, appendix]; its state is the latent in both.
 *
 * [1] DeepSeek-V2, https://arxiv.org/abs/2405.04434
 */
export function servedModel({
  name,
  model,
  raw,
}: Pick<CatalogueModel, 'name' | 'model' | 'raw'>): ServedModel {
  const build = (latentAttention: 'naive' | 'absorbed'): KernelGraph =>
    kernelsOf(buildGraph(model, NO_WEIGHTS, { logits: 'last', latentAttention }));
  const decode = build('absorbed');
  return {
    name,
    decode,
    prefill: hasLatent(model) ? build('naive') : decode,
    ...draftOf(model),
    published: publishedPrecision(raw),
  };
}

function hasLatent({ config }: ModelConfig): boolean {
  return 'kv_lora_rank' in config;
}

function draftOf(model: ModelConfig): Pick<ServedModel, 'draft' | 'draftPrefill' | 'noDraft'> {
  const build = (latentAttention: 'naive' | 'absorbed'): KernelGraph =>
    kernelsOf(buildPredictorGraph(model, NO_WEIGHTS, { logits: 'all', latentAttention }));
  try {
    const draft = build('absorbed');
    const draftPrefill = hasLatent(model) ? build('naive') : draft;
    return { draft, draftPrefill, noDraft: undefined };
  } catch (error) {
    if (!(error instanceof UnsupportedError)) throw error;
    return { draft: undefined, draftPrefill: undefined, noDraft: error.message };
  }
}

/** From a checked configuration to the graph of the model. */
import { UnsupportedError } from '../base/index.ts';
import type { Graph } from '../ir/index.ts';
import type { ConfigOf, Family, ModelConfig } from './checkpoint/config.ts';
import type { WeightReader } from './families/builder.ts';
import type { GraphOptions } from './families/decoder.ts';
import { buildDeepseekV2 } from './families/deepseekV2.ts';
import { buildDeepseekV3, buildDeepseekV3Predictor } from './families/deepseekV3.ts';
import { buildDeepseekV32, buildDeepseekV32Predictor } from './families/deepseekV32.ts';
import { buildDeepseekV41 } from './families/deepseekV41.ts';
import { buildDeepseekV4, buildDeepseekV4Predictor, DSPARK } from './families/deepseekV4.ts';
import { buildQwen2 } from './families/qwen2.ts';
import { buildQwen3, buildQwen3Moe } from './families/qwen3.ts';
import { buildQwen4Exp } from './families/qwen4Exp.ts';
import {
  buildDensePredictor,
  buildQwen35,
  buildQwen35Moe,
  buildQwen3Next,
  buildRoutedPredictor,
} from './families/qwenHybrid.ts';

type BuildGraph<C> = (config: C, weights: WeightReader, options: GraphOptions) => Graph;

const BUILDERS: { readonly [F in Family]: BuildGraph<ConfigOf<F>> } = {
  qwen2: buildQwen2,
  qwen3: buildQwen3,
  qwen3_moe: buildQwen3Moe,
  qwen3_next: buildQwen3Next,
  qwen3_5: buildQwen35,
  qwen3_5_moe: buildQwen35Moe,
  qwen4_exp: buildQwen4Exp,
  deepseek_v3: buildDeepseekV3,
  deepseek_v2: buildDeepseekV2,
  deepseek_v32: buildDeepseekV32,
  deepseek_v4: buildDeepseekV4,
  deepseek_v41: buildDeepseekV41,
};

/** How many layers a head of multi-token prediction has, and how it is built; or why there is none. */
type Predictor<C> =
  | string
  | { readonly layers: (config: C) => number; readonly build: BuildGraph<C> };

const NO_HEAD = 'its checkpoints have none';
const nextn = (c: { readonly num_nextn_predict_layers: number }): number =>
  c.num_nextn_predict_layers;
const mtp = (c: { readonly mtp_num_hidden_layers: number }): number => c.mtp_num_hidden_layers;

const PREDICTORS: { readonly [F in Family]: Predictor<ConfigOf<F>> } = {
  qwen2: NO_HEAD,
  qwen3: NO_HEAD,
  qwen3_moe: NO_HEAD,
  qwen3_next: { layers: mtp, build: buildRoutedPredictor },
  qwen3_5: { layers: mtp, build: buildDensePredictor },
  qwen3_5_moe: { layers: mtp, build: buildRoutedPredictor },
  qwen4_exp:
    'how its head reads four residual streams is in no reference that was read, so nothing could prove it',
  deepseek_v3: { layers: nextn, build: buildDeepseekV3Predictor },
  deepseek_v2: NO_HEAD,
  deepseek_v32: { layers: nextn, build: buildDeepseekV32Predictor },
  deepseek_v4: { layers: nextn, build: buildDeepseekV4Predictor },
  deepseek_v41: `its checkpoints have DSpark stages instead, which ${DSPARK}`,
};

/** Throws UnsupportedError, with the reason, for a model whose head of multi-token prediction is skipped. */
export function buildPredictorGraph(
  { family, config }: ModelConfig,
  weights: WeightReader,
  options: GraphOptions,
): Graph {
  const predictor = PREDICTORS[family] as Predictor<unknown>;
  if (typeof predictor === 'string') throw noPredictor(family, predictor);
  const layers = predictor.layers(config);
  if (layers === 1) return predictor.build(config, weights, options);
  const reason =
    layers === 0
      ? 'the configuration says that it has none'
      : `one head of one layer is proved, and the configuration has ${layers}, which no published checkpoint has`;
  throw noPredictor(family, reason);
}

function noPredictor(family: Family, reason: string): UnsupportedError {
  return new UnsupportedError(`MTP heads of ${family} are skipped: ${reason}`, {
    where: 'drafts by MTP',
    hint: 'generate without drafts; the tokens are the same',
  });
}

/** Builds the graph; weights are read when a step or a program first needs them. */
export function buildGraph(
  { family, config }: ModelConfig,
  weights: WeightReader,
  options: GraphOptions,
): Graph {
  return (BUILDERS[family] as BuildGraph<unknown>)(config, weights, options);
}

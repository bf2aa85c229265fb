/** From a checked configuration to the graph of the model. */
import { type Graph } from '../ir/index.ts';
import { type ConfigOf, type Family, type ModelConfig } from './checkpoint/config.ts';
import { type WeightReader } from './families/builder.ts';
import { type GraphOptions } from './families/decoder.ts';
import { buildDeepseekV2 } from './families/deepseekV2.ts';
import { buildDeepseekV3 } from './families/deepseekV3.ts';
import { buildDeepseekV32 } from './families/deepseekV32.ts';
import { buildDeepseekV41 } from './families/deepseekV41.ts';
import { buildDeepseekV4 } from './families/deepseekV4.ts';
import { buildQwen2 } from './families/qwen2.ts';
import { buildQwen3, buildQwen3Moe } from './families/qwen3.ts';
import { buildQwen4Exp } from './families/qwen4Exp.ts';
import { buildQwen35, buildQwen35Moe, buildQwen3Next } from './families/qwenHybrid.ts';

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

/** Builds the graph; weights are read when a step or a program first needs them. */
export function buildGraph(
  { family, config }: ModelConfig,
  weights: WeightReader,
  options: GraphOptions,
): Graph {
  return (BUILDERS[family] as BuildGraph<unknown>)(config, weights, options);
}

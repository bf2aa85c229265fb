/** From a checked configuration to the graph of the model. */
import { type Graph } from '../ir/index.ts';
import { type ModelConfig } from './checkpoint/config.ts';
import { type WeightReader } from './families/builder.ts';
import { type GraphOptions } from './families/decoder.ts';
import { buildDeepseekV3 } from './families/deepseekV3.ts';
import { buildQwen3 } from './families/qwen3.ts';

/** Builds the graph; weights are read when a step or a program first needs them. */
export function buildGraph(
  model: ModelConfig,
  weights: WeightReader,
  options: GraphOptions,
): Graph {
  switch (model.family) {
    case 'qwen3':
      return buildQwen3(model.config, weights, options);
    case 'deepseek_v3':
      return buildDeepseekV3(model.config, weights, options);
  }
}

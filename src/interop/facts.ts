/** What decides whether a model runs and fits somewhere: from its configuration and graph, without a weight. */
import { isRecord, type JsonRecord } from '../base/index.ts';
import {
  countParameters,
  operatorTable,
  stateTable,
  weightBehind,
  type OperatorRow,
  type StateRow,
} from '../cost/index.ts';
import {
  countElements,
  lastDim,
  resolveShape,
  topologicalOrder,
  type Graph,
  type Node,
} from '../ir/index.ts';
import type { ModelConfig } from '../model/index.ts';
import type { Formats, Group, WeightFormat } from './precision.ts';

export interface ModelFacts {
  readonly name: string;
  readonly family: ModelConfig['family'];
  readonly layers: number;
  readonly contextTokens: number;
  readonly vocabulary: number;
  readonly parameters: { readonly total: number; readonly active: number };
  /** Parameters of each group. */
  readonly groups: Readonly<Record<Group, number>>;
  /** Formats of the published checkpoint. */
  readonly published: Formats;
  /** Whether scales of blocks are powers of two (E8M0), and a unit may take them as operands. */
  readonly powerOfTwoScales: boolean;
  /** Bytes of the weights as stored, where there is a checkpoint; else null. */
  readonly storedBytes: number | null;
  readonly states: readonly StateRow[];
  readonly operators: readonly OperatorRow[];
  readonly heads: HeadCounts;
  /** Bytes of operands and results of the largest operator, a token, in bf16. */
  readonly widestBytesPerToken: number;
  readonly sources: readonly string[];
}

/** What tensor and expert parallelism share out; null where the model has none of it. */
export interface HeadCounts {
  readonly query: number;
  readonly keyValue: number | null;
  readonly linearKey: number | null;
  readonly linearValue: number | null;
  /** Groups of the output projection of DeepSeek-V4. */
  readonly outputGroups: number | null;
  readonly experts: number | null;
  readonly expertWidth: number | null;
}

export interface ModelInput {
  readonly name: string;
  /** config.json as it is. */
  readonly raw: JsonRecord;
  readonly config: ModelConfig;
  readonly graph: Graph;
  /** Of a checkpoint: bytes of its tensors, and the format of most of them. */
  readonly stored?: { readonly bytes: number; readonly format: WeightFormat };
  readonly sources?: readonly string[];
}

export function modelFacts({ name, raw, config, graph, ...rest }: ModelInput): ModelFacts {
  const fields = config.config as unknown as Readonly<Record<string, unknown>>;
  const { total, active } = countParameters(graph);
  const groups = groupSizes(graph, config.config.vocab_size);
  const quantization = quantizationOf(raw);
  return {
    name,
    family: config.family,
    layers: config.config.num_hidden_layers,
    contextTokens: config.config.max_position_embeddings,
    vocabulary: config.config.vocab_size,
    parameters: { total, active },
    groups,
    published: publishedFormats(raw, quantization, rest.stored?.format),
    powerOfTwoScales: quantization['scale_fmt'] === 'ue8m0',
    storedBytes: rest.stored?.bytes ?? null,
    states: stateTable(graph),
    operators: operatorTable(graph),
    heads: headCounts(fields),
    widestBytesPerToken: widestBytes(graph),
    sources: rest.sources ?? [],
  };
}

function quantizationOf(raw: JsonRecord): JsonRecord {
  const text = raw['text_config'];
  const given = raw['quantization_config'] ?? (isRecord(text) ? text['quantization_config'] : null);
  return isRecord(given) ? given : {};
}

/** Methods of quantisation by the format of their matrices. */
const METHODS: Readonly<Record<string, WeightFormat>> = {
  fp8: 'fp8',
  mxfp4: 'mxfp4',
  modelopt: 'mxfp4',
  awq: 'int4',
  gptq: 'int4',
  'compressed-tensors': 'int8',
  ascend: 'int8',
};

/** What the configuration says; where it says nothing of quantisation, what the tensors are in. */
function publishedFormats(
  raw: JsonRecord,
  quantization: JsonRecord,
  stored: WeightFormat | undefined,
): Formats {
  const method = quantization['quant_method'];
  const text = raw['text_config'];
  const plain = typeOf(raw) ?? (isRecord(text) ? typeOf(text) : undefined) ?? 'bf16';
  const matrices = (typeof method === 'string' ? METHODS[method] : stored) ?? plain;
  const experts =
    (quantization['expert_dtype'] ?? raw['expert_dtype']) === 'fp4' ? 'mxfp4' : matrices;
  return { experts, matrices, ngrams: matrices, embeddings: plain, vectors: plain };
}

function typeOf({ torch_dtype: old, dtype }: JsonRecord): 'bf16' | 'fp16' | undefined {
  const name = dtype ?? old;
  if (name === 'float16') return 'fp16';
  return name === 'bfloat16' || name === 'float32' ? 'bf16' : undefined;
}

function headCounts(fields: Readonly<Record<string, unknown>>): HeadCounts {
  const count = (...names: readonly string[]): number | null => {
    const found = names.map((name) => fields[name]).find((value) => typeof value === 'number');
    return found === undefined ? null : (found as number);
  };
  return {
    query: count('num_attention_heads') ?? 1,
    // Latent attention has one row for all heads, whatever the configuration says.
    keyValue: count('kv_lora_rank', 'o_groups') === null ? count('num_key_value_heads') : null,
    linearKey: count('linear_num_key_heads'),
    linearValue: count('linear_num_value_heads'),
    outputGroups: count('o_groups'),
    experts: count('n_routed_experts', 'num_experts'),
    expertWidth: count('moe_intermediate_size'),
  };
}

/** Every weight in the group of its first user. */
function groupSizes(graph: Graph, vocabulary: number): Record<Group, number> {
  const sizes = { experts: 0, matrices: 0, ngrams: 0, embeddings: 0, vectors: 0 };
  const counted = new Set<string>();
  for (const node of topologicalOrder(graph)) {
    if (weightBehind(node) !== undefined || node.op === 'ngramRows') continue;
    for (const input of node.inputs) {
      const weight = weightBehind(input);
      if (weight === undefined || counted.has(weight.attrs.name)) continue;
      counted.add(weight.attrs.name);
      const shape = weight.type.shape as readonly number[];
      sizes[groupOf(node, shape, vocabulary)] += countElements(shape);
    }
  }
  return sizes;
}

function groupOf(node: Node, shape: readonly number[], vocabulary: number): Group {
  if (node.op === 'experts') return 'experts';
  if (node.op === 'embedding') return node.inputs[0]!.op === 'ngramRows' ? 'ngrams' : 'embeddings';
  if (shape.length < 2) return 'vectors';
  if (node.op !== 'linear' && node.op !== 'headLinear') return 'vectors';
  return shape.includes(vocabulary) && lastDim(node.type) === vocabulary
    ? 'embeddings'
    : 'matrices';
}

/** With the context one token long, so that rows of states count as none. */
function widestBytes(graph: Graph): number {
  const dims = { B: 1, T: 1, S: 1 };
  const bytes = topologicalOrder(graph)
    .filter(({ op }) => op !== 'input' && op !== 'weight' && op !== 'state' && op !== 'embedding')
    .map(({ inputs, type }) => {
      const operands = inputs.filter((input) => input.op !== 'state' && !weightBehind(input));
      const shapes = [type, ...operands.map((operand) => operand.type)].map(({ shape }) => shape);
      return shapes.reduce((sum, shape) => sum + countElements(resolveShape(shape, dims)), 0);
    });
  return 2 * Math.max(...bytes);
}

/**
 * Operands of a real run: a demo model answers a prompt in the arithmetic of a chip, and what enters its
 * multipliers and vector lanes is written down, in the order in which the hardware would see it.
 *
 * The run is that of the interpreter, which equals the simulator bit for bit.
 */
import { fileURLToPath } from 'node:url';
import { encodeF8E4M3 } from '../../src/base/index.ts';
import { loadChip } from '../../src/chip/index.ts';
import { compileLowered, lowerGraph, type Device, type Program } from '../../src/compile/index.ts';
import { MX_BLOCK, type Graph, type Numerics } from '../../src/ir/index.ts';
import { loadModel } from '../../src/model/index.ts';
import { fastDot, powerOfTwo, type DotRequest } from '../../src/target/jade/arith/index.ts';
import { jadeNumerics, jadePasses } from '../../src/target/jade/index.ts';
import { referenceTarget } from '../../src/target/reference/index.ts';

/** One block of 32 in a dot column, and the addition that follows it. */
export interface BlockOperands {
  /** A byte an element, element 0 first: an integer, or an E4M3 code. */
  readonly activations: Uint8Array;
  readonly weights: Uint8Array;
  readonly activationScale: number;
  readonly weightScale: number;
  /** f32 sum so far, and what this block adds to it. */
  readonly sum: number;
  readonly addend: number;
}

export interface Recording {
  /** What was run, for the table. */
  readonly what: string;
  /** A prompt: weights stay while rows stream past. */
  readonly prefill: readonly BlockOperands[];
  /** One token: new weights in each cycle. */
  readonly decode: readonly BlockOperands[];
  /** f32 values on their way through the vector unit, in order. */
  readonly values: Float32Array;
}

const MODEL = 'qwen3-tiny';
const PROMPT =
  '<|im_start|>user\nROMEO: What light is this?\nAnswer as JULIET.<|im_end|>\n<|im_start|>assistant\n';
const PROMPT_TOKENS = 32;
/** Cycles that are kept of each kind. */
const CYCLES = 4096;

/** Runs the model on a chip: 32 tokens at once, then one. */
export function record(chipName: string): Recording {
  const chip = loadChip(chipName);
  const model = loadModel(fileURLToPath(new URL(`../../models/${MODEL}`, import.meta.url)));
  const tokens = model.tokenizer.encode(PROMPT).slice(0, PROMPT_TOKENS);
  const prefill: BlockOperands[] = [];
  const decode: BlockOperands[] = [];
  const values: number[] = [];
  const numerics = jadeNumerics(chip, (request) => {
    const kept = request.M > 1 ? prefill : decode;
    if (kept.length < CYCLES && request.w.scales) kept.push(...blocksOf(request, kept.length));
    fastDot(request);
  });
  const target = referenceTarget(keepingValues(numerics, values), jadePasses(chip));
  const session = new Stepper(target, model.graph({ logits: 'last' }));
  session.step(tokens);
  session.step(tokens.slice(0, 1));
  return {
    what: `${MODEL} in the arithmetic of ${chipName}: a prompt of ${tokens.length} tokens, one more token`,
    prefill: prefill.slice(0, CYCLES),
    decode: decode.slice(0, CYCLES),
    values: Float32Array.from(values.slice(0, CYCLES * MX_BLOCK)),
  };
}

/** What is quantised are the results of the vector unit. */
function keepingValues(numerics: Numerics, values: number[]): Numerics {
  return {
    ...numerics,
    quantize(row, group, out, rowIndex, search) {
      if (search !== true && values.length < CYCLES * MX_BLOCK) values.push(...row);
      numerics.quantize(row, group, out, rowIndex, search);
    },
  };
}

/** Blocks of one column: for a prompt block by block with all rows, for a token along k, for 8 columns. */
function* blocksOf(request: DotRequest, seed: number): Generator<BlockOperands> {
  const { M, N, K } = request;
  const first = seed % N;
  for (let n = first; n < Math.min(N, first + (M > 1 ? 1 : 8)); n++) {
    const sums = new Float32Array(M);
    for (let block = 0; block < K / MX_BLOCK; block++) {
      for (let m = 0; m < M; m++) {
        const operands = blockAt(request, m, n, block, sums[m]!);
        yield operands;
        sums[m] = operands.sum + operands.addend;
      }
    }
  }
}

function blockAt(
  { a, w, unitExponent }: DotRequest,
  m: number,
  n: number,
  block: number,
  sum: number,
): BlockOperands {
  const from = a.offset + m * a.stride + block * MX_BLOCK;
  const weightsFrom = w.offset + n * w.stride + block * MX_BLOCK;
  const activations = a.elements.subarray(from, from + MX_BLOCK);
  const weights = w.elements.subarray(weightsFrom, weightsFrom + MX_BLOCK);
  const activationScale = a.scales![a.scaleOffset + m * a.scaleStride + block]!;
  const weightScale = w.scales![w.scaleOffset + n * w.scaleStride + block]!;
  let products = 0;
  for (let i = 0; i < MX_BLOCK; i++) products += activations[i]! * weights[i]!;
  const scale = powerOfTwo(activationScale + weightScale - 254 - unitExponent);
  const isFloat = activations instanceof Float32Array;
  return {
    activations: bytesOf(activations, isFloat),
    weights: bytesOf(weights, isFloat),
    activationScale,
    weightScale,
    sum,
    addend: Math.fround(products * scale),
  };
}

/** The bytes in the multipliers; 4-bit elements, which are in halves, in the format of the activations. */
function bytesOf(elements: Int8Array | Float32Array, isFloat: boolean): Uint8Array {
  if (!isFloat) return Uint8Array.from(elements, (value) => value & 255);
  const unit = elements instanceof Int8Array ? 0.5 : 1;
  return Uint8Array.from(elements, (value) => encodeF8E4M3(value * unit));
}

/** Feeds tokens to a model from position 0 on. */
class Stepper {
  readonly #target: ReturnType<typeof referenceTarget>;
  readonly #graph: Graph;
  readonly #device: Device;
  #position = 0;

  constructor(target: ReturnType<typeof referenceTarget>, graph: Graph) {
    this.#target = target;
    this.#graph = lowerGraph(graph, target);
    this.#device = target.open({});
  }

  step(tokens: readonly number[]): void {
    const end = this.#position + tokens.length;
    const dims = this.#target.bucket({ B: 1, T: tokens.length, S: end });
    const program: Program = compileLowered(this.#graph, this.#target, dims);
    const positions = Int32Array.of(this.#position);
    this.#device.run(program, { tokens: Int32Array.from(tokens), positions });
    this.#position = end;
  }
}

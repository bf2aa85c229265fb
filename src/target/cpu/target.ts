/** The cpu target: f32 in WebAssembly SIMD. */
import { CapacityError, UsageError } from '../../base/index.ts';
import {
  type BufferPlan,
  type Kernel,
  type Pass,
  type Support,
  type Target,
} from '../../compile/index.ts';
import { type Dims, type Graph, type Node } from '../../ir/index.ts';
import { type Trace } from '../../trace/index.ts';
import { CpuDevice } from './device.ts';
import { emitProgram, type CpuProgram } from './emit.ts';
import { WORK_OF_PART } from './kernels/cut.ts';
import { scheduleGraph, type CpuSchedule } from './schedule.ts';
import { supportsNode } from './supports.ts';

/** Options of the target. */
export interface CpuOptions {
  /** The most tokens a sequence may have; without it only memory is the limit. */
  readonly contextTokens?: number;
  /** Threads that share the work, 1 unless said; the results do not depend on it. */
  readonly threads?: number;
  /** The least multiply-accumulates that a thread takes at a time; 65536 unless said. */
  readonly workOfPart?: number;
}

/** Context is compiled for in steps of this many tokens. */
const CONTEXT_STEP = 64;

/** Tokens of a step: enough to be bound by arithmetic, few enough for the cache. */
const MAX_TOKENS = 256;

/** More than any machine has to give. */
const MOST_THREADS = 256;

/** The cpu target. Throws UsageError unless `contextTokens` and `threads` are counts. */
export function cpuTarget({
  contextTokens = Infinity,
  threads = 1,
  workOfPart = WORK_OF_PART,
}: CpuOptions = {}): CpuTarget {
  if (!(Number.isSafeInteger(threads) && threads >= 1 && threads <= MOST_THREADS)) {
    throw new UsageError(
      `threads must be a whole number from 1 to ${MOST_THREADS}, not ${threads}`,
    );
  }
  if (contextTokens !== Infinity && !(Number.isSafeInteger(contextTokens) && contextTokens > 0)) {
    throw new UsageError(`contextTokens must be a whole number from 1, not ${contextTokens}`);
  }
  return new CpuTarget({ contextTokens, threads, workOfPart });
}

/** The target; made by `cpuTarget`. */
export class CpuTarget implements Target<CpuSchedule, CpuProgram> {
  readonly name = 'cpu';
  readonly passes: readonly Pass[] = [];
  readonly #options: Required<CpuOptions>;

  constructor(options: Required<CpuOptions>) {
    this.#options = options;
  }

  supports(node: Node): Support {
    return supportsNode(node);
  }

  /** Throws CapacityError for more context than `contextTokens`. */
  bucket({ B, T, S }: Dims): Dims {
    if (S > this.#options.contextTokens) {
      throw new CapacityError(
        `a sequence must have at most ${this.#options.contextTokens} tokens of context, not ${S}`,
        { hint: 'shorten the text, or give the target a larger contextTokens' },
      );
    }
    const rounded = Math.ceil(S / CONTEXT_STEP) * CONTEXT_STEP;
    return { B, T, S: Math.min(rounded, this.#options.contextTokens) };
  }

  maxTokens(): number {
    return MAX_TOKENS;
  }

  /** Node by node: kernels of one op each. */
  schedule(_: readonly Kernel[], graph: Graph, dims: Dims): CpuSchedule {
    return scheduleGraph(graph, dims);
  }

  emit(schedule: CpuSchedule, plan: BufferPlan): CpuProgram {
    return emitProgram(schedule, plan);
  }

  open({ trace }: { readonly trace?: Trace } = {}): CpuDevice {
    return new CpuDevice({ ...this.#options, ...(trace && { trace }) });
  }
}

/** The cpu target: f32 in WebAssembly SIMD, one thread. */
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
import { scheduleGraph, type CpuSchedule } from './schedule.ts';
import { supportsNode } from './supports.ts';

/** Options of the target. */
export interface CpuOptions {
  /** The most tokens a sequence may have; without it only memory is the limit. */
  readonly contextTokens?: number;
}

/** Context is compiled for in steps of this many tokens. */
const CONTEXT_STEP = 64;

/** Tokens of a step: enough to be bound by arithmetic, few enough for the cache. */
const MAX_TOKENS = 256;

/** The cpu target. Throws UsageError unless `contextTokens` is a count. */
export function cpuTarget({ contextTokens = Infinity }: CpuOptions = {}): CpuTarget {
  if (contextTokens !== Infinity && !(Number.isSafeInteger(contextTokens) && contextTokens > 0)) {
    throw new UsageError(`contextTokens must be a whole number from 1, not ${contextTokens}`);
  }
  return new CpuTarget(contextTokens);
}

/** The target; made by `cpuTarget`. */
export class CpuTarget implements Target<CpuSchedule, CpuProgram> {
  readonly name = 'cpu';
  readonly passes: readonly Pass[] = [];
  readonly #contextTokens: number;

  constructor(contextTokens: number) {
    this.#contextTokens = contextTokens;
  }

  supports(node: Node): Support {
    return supportsNode(node);
  }

  /** Throws CapacityError for more context than `contextTokens`. */
  bucket({ B, T, S }: Dims): Dims {
    if (S > this.#contextTokens) {
      throw new CapacityError(
        `a sequence must have at most ${this.#contextTokens} tokens of context, not ${S}`,
        { hint: 'shorten the text, or give the target a larger contextTokens' },
      );
    }
    const rounded = Math.ceil(S / CONTEXT_STEP) * CONTEXT_STEP;
    return { B, T, S: Math.min(rounded, this.#contextTokens) };
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
    return new CpuDevice({ contextTokens: this.#contextTokens, ...(trace && { trace }) });
  }
}

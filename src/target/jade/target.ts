/** The Jade target: the compiler's view of one chip. */
import { CapacityError, formatBytes } from '../../base/index.ts';
import type { Chip } from '../../chip/index.ts';
import {
  fuseKernels,
  orderKernels,
  planMemory,
  type BufferPlan,
  type Kernel,
  type Pass,
  type Support,
  type Target,
} from '../../compile/index.ts';
import type { Dims, Graph, Node } from '../../ir/index.ts';
import type { Trace } from '../../trace/index.ts';
import { openJadeDevice, type HostObserver, type JadeDevice } from './device.ts';
import { orderInstructions } from './emit/orderInstructions.ts';
import { makeProgram, type JadeProgram } from './emit/program.ts';
import { resolveAddresses } from './emit/resolve.ts';
import { insertSemaphores } from './emit/semaphores.ts';
import { planLayout, MAX_STEP_ROWS, type MemoryLayout } from './layout.ts';
import { leaveRounding } from './passes/leaveRounding.ts';
import { quantizeForMatrixUnit } from './passes/quantizeForMatrixUnit.ts';
import { regionsOf } from './schedule/regions.ts';
import { scheduleKernels, type JadeSchedule } from './schedule/schedule.ts';
import { supportsNode } from './supports.ts';

export interface JadeOptions {
  /** Tokens the state of a sequence has room for. */
  readonly contextTokens: number;
  /** Sequences the state has room for; 1 when absent. */
  readonly batch?: number;
  readonly checkHazards?: boolean;
}

/** Context is compiled for in steps of one MX block of tokens. */
const CONTEXT_STEP = 32;

/** Passes that bring a graph into the chip's formats; the interpreter runs them too. */
export function jadePasses(chip: Chip): readonly Pass[] {
  return [leaveRounding, quantizeForMatrixUnit(chip)];
}

/** Programs are for one core of `chip`, beside which the others rest; throws CapacityError for wrong banks. */
export function jadeTarget(chip: Chip, options: JadeOptions): JadeTarget {
  regionsOf(chip); // wrong banks are found before anything is compiled
  return new JadeTarget(chip, options);
}

export class JadeTarget implements Target<JadeSchedule, JadeProgram> {
  readonly name = 'jade';
  readonly chip: Chip;
  readonly passes: readonly Pass[];
  private readonly options: JadeOptions;
  private readonly contextTokens: number;
  private readonly layouts = new WeakMap<Graph, MemoryLayout>();
  private readonly tokenLimits = new WeakMap<Graph, number>();

  constructor(chip: Chip, options: JadeOptions) {
    this.chip = chip;
    this.options = options;
    this.contextTokens = roundUp(options.contextTokens);
    this.passes = jadePasses(chip);
  }

  supports(node: Node): Support {
    return supportsNode(node, this.chip);
  }

  bucket({ B, T, S }: Dims): Dims {
    return { B, T, S: Math.min(roundUp(S), this.contextTokens) };
  }

  schedule(kernels: readonly Kernel[], graph: Graph, dims: Dims): JadeSchedule {
    return scheduleKernels(kernels, graph, dims, this.chip, this.layoutOf(graph));
  }

  emit(schedule: JadeSchedule, plan: BufferPlan): JadeProgram {
    const { graph, dims, layout } = schedule;
    const maxPosition = dims.S - dims.T;
    const resolved = resolveAddresses(schedule.instructions, plan);
    const ordered = orderInstructions(resolved, this.chip, maxPosition);
    return makeProgram(
      graph,
      dims,
      layout,
      insertSemaphores(ordered, maxPosition),
      plan,
      this.chip,
    );
  }

  /** The largest power of two for which activations fit on the chip at the full context. */
  maxTokens(graph: Graph): number {
    const known = this.tokenLimits.get(graph);
    if (known !== undefined) return known;
    const kernels = orderKernels(fuseKernels(graph));
    for (let T = MAX_STEP_ROWS; T >= 1; T /= 2) {
      if (T > this.contextTokens) continue;
      const problem = this.misfit(kernels, graph, T);
      if (problem === undefined) {
        this.tokenLimits.set(graph, T);
        return T;
      }
      if (T === 1) throw tooSmall(this.chip, problem);
    }
    return 1;
  }

  open(options: { readonly trace?: Trace; readonly observer?: HostObserver }): JadeDevice {
    const checkHazards = this.options.checkHazards ?? false;
    return openJadeDevice(this.chip, { ...options, checkHazards });
  }

  private misfit(kernels: readonly Kernel[], graph: Graph, T: number): CapacityError | undefined {
    try {
      const schedule = this.schedule(kernels, graph, { B: 1, T, S: this.contextTokens });
      planMemory(schedule.buffers, schedule.regions);
      return undefined;
    } catch (error) {
      if (error instanceof CapacityError) return error;
      throw error;
    }
  }

  private layoutOf(graph: Graph): MemoryLayout {
    const known = this.layouts.get(graph);
    if (known !== undefined) return known;
    const layout = planLayout(graph, this.chip, this.contextTokens, this.options.batch ?? 1);
    this.layouts.set(graph, layout);
    return layout;
  }
}

/** The same problem, where making steps smaller is no way out any more. */
function tooSmall(chip: Chip, { message, where }: CapacityError): CapacityError {
  const { scratchpad, accumulator } = chip;
  const sizes =
    `a scratchpad of ${formatBytes(scratchpad.sizeBytes)} and ` +
    `accumulators of ${formatBytes(accumulator.sizeBytes)}`;
  return new CapacityError(message, {
    where: `${where}, on ${chip.name} with ${sizes}`,
    hint: 'use a chip with a larger scratchpad and accumulators, or a shorter context',
  });
}

function roundUp(tokens: number): number {
  return Math.ceil(tokens / CONTEXT_STEP) * CONTEXT_STEP;
}

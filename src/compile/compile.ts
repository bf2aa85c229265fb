/**
 * The compiler on one page: graph passes, fusion into kernels, then the target's schedule, the memory
 * plan and the target's program. The graph is verified after every pass.
 */
import { UnsupportedError } from '../base/index.ts';
import { topologicalOrder, verify, type Dims, type Graph } from '../ir/index.ts';
import { fuseKernels } from './fuseKernels.ts';
import { orderKernels } from './orderKernels.ts';
import { absorbLatentAttention } from './passes/absorbLatentAttention.ts';
import { deduplicateNodes } from './passes/deduplicateNodes.ts';
import { foldConstants } from './passes/foldConstants.ts';
import { fuseSwiglu } from './passes/fuseSwiglu.ts';
import { planMemory } from './planMemory.ts';
import type { Pass, Program, Schedule, Target } from './target.ts';

/** The passes every target shares, in order. */
export const COMMON_PASSES: readonly Pass[] = [
  deduplicateNodes,
  absorbLatentAttention,
  fuseSwiglu,
  foldConstants,
];

export type PassObserver = (pass: string, graph: Graph) => void;

/** Runs the graph passes for `target`; `observe` sees the graph after each named pass. */
export function lowerGraph(graph: Graph, target: Target, observe?: PassObserver): Graph {
  let current = graph;
  verify(current);
  for (const pass of [...COMMON_PASSES, ...target.passes, deduplicateNodes]) {
    current = pass.run(current);
    verify(current);
    observe?.(pass.name, current);
  }
  return current;
}

/**
 * Compiles a lowered graph for one shape bucket after another: what no bucket changes is done here, once. Throws
 * UnsupportedError; what is returned throws CapacityError.
 */
export function compilerOf<S extends Schedule, P extends Program>(
  graph: Graph,
  target: Target<S, P>,
): (dims: Dims) => P {
  requireSupport(graph, target);
  const kernels = orderKernels(fuseKernels(graph));
  return (dims) => {
    const schedule = target.schedule(kernels, graph, dims);
    const plan = planMemory(schedule.buffers, schedule.regions);
    return target.emit(schedule, plan);
  };
}

/** Compiles a lowered graph for one shape bucket. Throws UnsupportedError, CapacityError. */
export function compileLowered<S extends Schedule, P extends Program>(
  graph: Graph,
  target: Target<S, P>,
  dims: Dims,
): P {
  return compilerOf(graph, target)(dims);
}

/** The whole way from a model's graph to a program for one shape bucket. */
export function compile(graph: Graph, target: Target, dims: Dims, observe?: PassObserver): Program {
  return compileLowered(lowerGraph(graph, target, observe), target, target.bucket(dims));
}

/** Throws one UnsupportedError listing every operator the target lacks, with its reason, once for all nodes. */
export function requireSupport(graph: Graph, target: Target): void {
  const missing = new Map<string, string[]>();
  for (const { support, op, label } of topologicalOrder(graph).map((node) => ({
    support: target.supports(node),
    ...node,
  }))) {
    if (support.ok) continue;
    const reason = `${op}: ${support.reason}`;
    missing.set(reason, [...(missing.get(reason) ?? []), label]);
  }
  if (missing.size === 0) return;
  const reasons = [...missing].map(([reason, labels]) => {
    const rest = labels.length > 1 ? ` and ${labels.length - 1} more` : '';
    return reason.replace(':', ` (${labels[0]}${rest}):`);
  });
  throw new UnsupportedError(
    `${target.name} must support every operator; it lacks ${reasons.join('; ')}`,
    {
      where: graph.name,
      hint: `use ${target.name === 'cpu' ? '' : '--target cpu or '}--target reference`,
    },
  );
}

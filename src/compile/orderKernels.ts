/**
 * The order of kernels. Any order in which inputs come first is right; a chip with several units is
 * faster when neighbours do not depend on each other, because then one kernel's contraction runs while
 * the row-wise work of the one before is finished.
 *
 * List scheduling: of the kernels whose inputs are ready, take the first that
 *   - is or leads to a router (the experts wait for its choice, so it starts as early as it can),
 *   - else does not read what the kernel before has just made,
 *   - else appends to a state, which attention reads only when it has come to memory: the one with the
 *     shortest chain, whose way can begin first,
 *   - else is first in graph order.
 */
import type { Node } from '../ir/index.ts';
import { isConstant, type Kernel } from './fuseKernels.ts';

export function orderKernels(kernels: readonly Kernel[]): Kernel[] {
  const makers = new Map(
    kernels.flatMap((kernel) => nodesOf(kernel).map((node) => [node, kernel] as const)),
  );
  const reads = new Map(kernels.map((kernel) => [kernel, makersOfInputs(kernel, makers)]));
  const urgent = leadsToRouter(kernels, reads);
  const waiting = [...kernels];
  const done = new Set<Kernel>();
  const order: Kernel[] = [];
  while (waiting.length > 0) {
    const ready = waiting.filter((kernel) => isReady(reads.get(kernel)!, done));
    const last = order.at(-1);
    const independent = (kernel: Kernel): boolean =>
      last === undefined || !reads.get(kernel)!.has(last);
    const next =
      ready.find((kernel) => urgent.has(kernel)) ??
      appendOrFirst(ready.filter(independent)) ??
      appendOrFirst(ready)!;
    waiting.splice(waiting.indexOf(next), 1);
    done.add(next);
    order.push(next);
  }
  return order;
}

function appendOrFirst(ready: readonly Kernel[]): Kernel | undefined {
  const appends = ready.filter(({ result }) => result.op === 'append');
  return appends.toSorted((a, b) => a.chain.length - b.chain.length)[0] ?? ready[0];
}

function nodesOf({ anchors, chain }: Kernel): readonly Node[] {
  return [...anchors, ...chain];
}

function isReady(inputs: ReadonlySet<Kernel>, done: ReadonlySet<Kernel>): boolean {
  return [...inputs].every((input) => done.has(input));
}

/** The kernels whose values a kernel reads, through views. */
function makersOfInputs(kernel: Kernel, makers: ReadonlyMap<Node, Kernel>): Set<Kernel> {
  const found = new Set<Kernel>();
  const visit = (node: Node): void => {
    const maker = makers.get(node);
    if (maker === undefined) {
      if (!isConstant(node)) node.inputs.forEach(visit);
    } else if (maker !== kernel) found.add(maker);
  };
  for (const node of nodesOf(kernel)) node.inputs.forEach(visit);
  return found;
}

/** Routers and the kernels that only they read. */
function leadsToRouter(
  kernels: readonly Kernel[],
  reads: ReadonlyMap<Kernel, ReadonlySet<Kernel>>,
): Set<Kernel> {
  const routers = kernels.filter((kernel) => kernel.anchors[0]!.op === 'route');
  const readers = (kernel: Kernel): Kernel[] =>
    kernels.filter((other) => reads.get(other)!.has(kernel));
  const before = routers.flatMap((router) =>
    [...reads.get(router)!].filter((input) => readers(input).length === 1),
  );
  return new Set([...routers, ...before]);
}

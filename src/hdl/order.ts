import type { Instance, Memory, Module, Signal } from './signal.ts';

/**
 * Every node that the roots reach, each after what it depends on; a loop is given to `onLoop`.
 *
 * Depth first, with the path on a stack of its own: circuits are deeper than the call stack.
 */
export function dependencyOrder<N>(
  roots: Iterable<N>,
  dependenciesOf: (node: N) => Iterable<N>,
  onLoop: (loop: readonly N[]) => never,
): N[] {
  const order: N[] = [];
  const finished = new Set<N>();
  const path = new Map<N, Iterator<N>>();
  for (const root of roots) {
    const stack = finished.has(root) ? [] : [root];
    while (stack.length > 0) {
      const node = stack.at(-1)!;
      if (!path.has(node)) path.set(node, dependenciesOf(node)[Symbol.iterator]());
      const { done, value } = path.get(node)!.next();
      if (done) {
        stack.pop();
        path.delete(node);
        finished.add(node);
        order.push(node);
      } else if (path.has(value)) onLoop(stack.slice(stack.indexOf(value)));
      else if (!finished.has(value)) stack.push(value);
    }
  }
  return order;
}

/** What a signal's value depends on within the same cycle, in the module it belongs to. */
export function dependenciesOf(signal: Signal): readonly Signal[] {
  const { source } = signal;
  switch (source.kind) {
    case 'operation':
      return source.operands;
    case 'wire':
      return source.driver ? [source.driver] : [];
    case 'output':
      return pathsThrough(source.instance, source.port);
    case 'unknown':
      return source.inputs;
    default:
      return [];
  }
}

/** What hardware needs: the drivers of outputs, state and instances; assertions are not hardware. */
export function hardwareRoots(
  module: Pick<Module, 'outputs' | 'registers' | 'memories' | 'instances'>,
): Signal[] {
  return [
    ...Object.values(module.outputs),
    ...module.registers.flatMap(({ next, enable }) => (enable ? [next, enable] : [next])),
    ...module.memories.flatMap(memoryInputs),
    ...module.instances.flatMap(({ inputs }) => Object.values(inputs)),
  ];
}

function memoryInputs({ read, write }: Memory): Signal[] {
  const inputs = [
    read.address,
    read.enable,
    write?.address,
    write?.data,
    write?.enable,
    write?.byteEnable,
  ];
  return inputs.filter((signal) => signal !== undefined);
}

/** The drivers of the instance's inputs from which a path without a register leads to the output. */
function pathsThrough({ module, inputs }: Instance, port: string): Signal[] {
  const paths = known.get(module) ?? findPaths(module);
  known.set(module, paths);
  return paths.get(port)!.map((name) => inputs[name]);
}

const known = new WeakMap<Module, ReadonlyMap<string, readonly string[]>>();

/** For each output the inputs it depends on: in one pass, with a set of inputs as the bits of a number. */
function findPaths({ inputs, outputs, order }: Module): Map<string, string[]> {
  const names = Object.keys(inputs);
  const masks = new Map(names.map((name, i) => [inputs[name], 1n << BigInt(i)]));
  for (const signal of order) {
    const own = masks.get(signal) ?? 0n;
    const mask = dependenciesOf(signal).reduce((all, source) => all | masks.get(source)!, own);
    masks.set(signal, mask);
  }
  const inputsIn = (mask: bigint): string[] => names.filter((_, i) => (mask >> BigInt(i)) & 1n);
  return new Map(
    Object.entries(outputs).map(([port, signal]) => [port, inputsIn(masks.get(signal)!)]),
  );
}

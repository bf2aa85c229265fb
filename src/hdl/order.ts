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
  const reached = new Set(inputsOf(module, port));
  return Object.keys(inputs)
    .filter((name) => reached.has(module.inputs[name]))
    .map((name) => inputs[name]);
}

const known = new WeakMap<Module, Map<string, readonly Signal[]>>();

function inputsOf(module: Module, port: string): readonly Signal[] {
  const ports = known.get(module) ?? new Map<string, readonly Signal[]>();
  known.set(module, ports);
  const found = ports.get(port) ?? findInputs(module.outputs[port]);
  ports.set(port, found);
  return found;
}

function findInputs(output: Signal): Signal[] {
  const neverLoops = (): never => {
    throw new Error('a finished module has no loops');
  };
  const order = dependencyOrder([output], dependenciesOf, neverLoops);
  return order.filter(({ source }) => source.kind === 'input');
}

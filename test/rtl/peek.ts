/**
 * Opens a module for a proof: what is inside becomes outputs, so that the proof can relate it to what
 * is outside. The circuit stays as it is; only the printed text is of use, for a word of a memory is a
 * name in it.
 */
import { Signal, type Memory, type Module, type Wires } from '../../src/hdl/index.ts';

/** Where things are: `count`, a word of a memory as `entries[3]`, in an instance as `load_queue.count`. */
type Paths = Readonly<Record<string, string>>;

type Peeked<I, P> = Module & {
  readonly inputs: Wires<I, Signal>;
  readonly outputs: Wires<P, Signal>;
};

/** `module` with an output more for each of `paths`, which are names of the generated text. */
export function peek<I, O, P extends Paths>(
  module: Module & { readonly inputs: Wires<I, Signal>; readonly outputs: Wires<O, Signal> },
  paths: P,
): Peeked<I, O & P> {
  const names = new Map(module.names);
  const outputs: Record<string, Signal> = { ...module.outputs };
  const instances = module.instances.map((instance) => {
    const within = portsWithin(instance.name, paths);
    if (within.length === 0) return instance;
    const inner = peek(
      instance.module,
      Object.fromEntries(within.map((at) => [at.inside, at.path])),
    );
    const opened = { ...instance, module: inner, outputs: { ...instance.outputs } };
    for (const { port, inside } of within) {
      const signal = new Signal(inner.outputs[inside]!.width, { kind: 'unknown', inputs: [] });
      names.set(signal, `${instance.name}_${inside}`);
      opened.outputs[inside] = outputs[port] = signal;
    }
    return opened;
  });
  for (const [port, path] of Object.entries(paths)) {
    if (!path.includes('.')) outputs[port] = find(module, path, names);
  }
  const order = [...new Set([...module.order, ...Object.values(outputs)])];
  return { ...module, names, outputs, instances, order } as unknown as Peeked<I, O & P>;
}

/** The ports below an instance: the paths as seen from it, and ports for them, the same in every instance. */
function portsWithin(
  instance: string,
  paths: Paths,
): { readonly port: string; readonly inside: string; readonly path: string }[] {
  const prefix = `${instance}.`;
  const below = Object.entries(paths).filter(([, path]) => path.startsWith(prefix));
  return below.map(([port, whole]) => {
    const path = whole.slice(prefix.length);
    return { port, inside: `peek_${path.replaceAll(/\W+/g, '_').replace(/_$/, '')}`, path };
  });
}

function find(module: Module, path: string, names: Map<Signal, string>): Signal {
  const found = [...module.names].find(([, name]) => name === path);
  if (found !== undefined) return found[0];
  const memory = module.memories.find(({ name }) => path.startsWith(`${name}[`));
  if (memory !== undefined) return wordOf(memory, path, names);
  const known = [...module.names.values(), ...module.memories.map(({ name }) => `${name}[…]`)];
  throw new Error(`${module.name} must have a signal ${path}; it has ${known.join(', ')}`);
}

function wordOf({ width }: Memory, path: string, names: Map<Signal, string>): Signal {
  const word = new Signal(width, { kind: 'unknown', inputs: [] });
  names.set(word, path);
  return word;
}

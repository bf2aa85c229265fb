/**
 * A hierarchy as one circuit: a node for each signal of each instance, with its hierarchical name.
 *
 * Ports and wires are only other names: they resolve to the operation, constant, register, memory or
 * input of the top that gives them their value.
 */
import { CeladonError } from '../base/index.ts';
import { dependencyOrder } from './order.ts';
import type { Instance, Module, Signal } from './signal.ts';

/** A signal in one instance of its module; the same object for the same signal. */
export interface FlatNode {
  readonly scope: Scope;
  readonly signal: Signal;
}

/** An instance, or the top. */
export class Scope {
  /** Names from below the top to here; empty for the top. */
  readonly path: readonly string[];
  readonly module: Module;
  readonly children = new Map<Instance, Scope>();
  readonly #nodes = new Map<Signal, FlatNode>();
  readonly #inputs = new Map<Signal, FlatNode>();

  constructor(module: Module, path: readonly string[] = []) {
    this.path = path;
    this.module = module;
    for (const instance of module.instances) {
      const child = new Scope(instance.module, [...path, instance.name]);
      for (const [port, driver] of Object.entries(instance.inputs)) {
        child.#inputs.set(instance.module.inputs[port], this.node(driver));
      }
      this.children.set(instance, child);
    }
  }

  node(signal: Signal): FlatNode {
    const node = this.#nodes.get(signal) ?? { scope: this, signal };
    this.#nodes.set(signal, node);
    return node;
  }

  /** The hierarchical name of a declaration of this instance. */
  name(local: string): string {
    return [...this.path, local].join('.');
  }

  /** This scope and all inside, outermost first. */
  all(): Scope[] {
    return [this, ...[...this.children.values()].flatMap((child) => child.all())];
  }

  /** What gives the signal its value. Throws for an external module without a model. */
  resolve(signal: Signal): FlatNode {
    const { source } = signal;
    switch (source.kind) {
      case 'input': {
        const driver = this.#inputs.get(signal);
        return driver ? driver.scope.resolve(driver.signal) : this.node(signal);
      }
      case 'wire':
        return this.resolve(source.driver!);
      case 'output': {
        const child = this.children.get(source.instance)!;
        return child.resolve(child.module.outputs[source.port]);
      }
      case 'unknown':
        throw new CeladonError(
          `an external module must have a model to be simulated, not only ports`,
          { where: `${this.path.join('.')}: module ${this.module.name}` },
        );
      default:
        return this.node(signal);
    }
  }
}

/** All operations of a hierarchy, each after those it depends on. */
export function flatOperations(top: Scope): FlatNode[] {
  const roots = top.all().flatMap((scope) => scope.module.order.map((s) => scope.resolve(s)));
  const operandsOf = ({ scope, signal: { source } }: FlatNode): FlatNode[] =>
    source.kind === 'operation' ? source.operands.map((operand) => scope.resolve(operand)) : [];
  const neverLoops = (): never => {
    throw new Error('finished modules have no loops, alone or together');
  };
  const order = dependencyOrder(roots, operandsOf, neverLoops);
  return order.filter(({ signal }) => signal.source.kind === 'operation');
}

/** The reference target: a program is the graph itself, and the device interprets it. */
import { sha256Hex } from '../../base/index.ts';
import type {
  Device,
  Kernel,
  Pass,
  Program,
  Schedule,
  Support,
  Target,
} from '../../compile/index.ts';
import {
  floatNumerics,
  printGraph,
  resolveShape,
  tensor,
  topologicalOrder,
  typeToString,
  type Dims,
  type Graph,
  type Numerics,
} from '../../ir/index.ts';
import { ReferenceDevice } from './device.ts';

/** Tokens of a step: bounds the memory of activations, not the length of a prompt. */
const MAX_TOKENS = 512;

/** Context grows in powers of two from here, so that state is seldom copied. */
const LEAST_CONTEXT = 64;

/**
 * A target that runs every graph with the given arithmetic. With the numerics and the passes of an
 * accelerator its results are those of the accelerator, bit for bit.
 */
export function referenceTarget(
  numerics: Numerics = floatNumerics,
  passes: readonly Pass[] = [],
): Target {
  return new ReferenceTarget(numerics, passes);
}

class ReferenceTarget implements Target {
  readonly name = 'reference';
  readonly passes: readonly Pass[];
  readonly #numerics: Numerics;

  constructor(numerics: Numerics, passes: readonly Pass[]) {
    this.#numerics = numerics;
    this.passes = passes;
  }

  supports(): Support {
    return { ok: true };
  }

  bucket({ B, T, S }: Dims): Dims {
    return { B, T, S: Math.max(LEAST_CONTEXT, 2 ** Math.ceil(Math.log2(S))) };
  }

  maxTokens(): number {
    return MAX_TOKENS;
  }

  /** The interpreter needs no tiles and no addresses. */
  schedule(_: readonly Kernel[], graph: Graph, dims: Dims): Schedule {
    return { graph, dims, buffers: [], regions: [] };
  }

  emit({ graph, dims }: Schedule): Program {
    return new ReferenceProgram(graph, dims, this.#numerics.name);
  }

  open(): Device {
    return new ReferenceDevice(this.#numerics);
  }
}

class ReferenceProgram implements Program {
  readonly target = 'reference';
  readonly graph: Graph;
  readonly dims: Dims;
  readonly #numerics: string;
  #text: string | undefined;

  constructor(graph: Graph, dims: Dims, numerics: string) {
    this.graph = graph;
    this.dims = dims;
    this.#numerics = numerics;
  }

  get hash(): string {
    return sha256Hex(new TextEncoder().encode(this.listing()));
  }

  get sizeBytes(): number {
    return this.listing().length;
  }

  listing(): string {
    const { B, T, S } = this.dims;
    this.#text ??= `; ${this.#numerics} numerics, B=${B} T=${T} S=${S}\n${printGraph(this.graph)}`;
    return this.#text;
  }

  /** Weights and states with their types: the interpreter has no addresses. */
  memoryMap(): string {
    const lines = topologicalOrder(this.graph).flatMap((node) => {
      if (node.op !== 'weight' && node.op !== 'state') return [];
      const type = tensor(node.type.dtype, resolveShape(node.type.shape, this.dims));
      return [`${node.op} ${node.attrs.name}: ${typeToString(type)}`];
    });
    return `${lines.join('\n')}\n`;
  }
}

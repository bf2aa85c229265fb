/** Compiled programs of one graph and target, each compiled when it is asked for and not there. */
import { RecentMap } from '../base/index.ts';
import {
  compilerOf,
  lowerGraph,
  requireSupport,
  type PassObserver,
  type Program,
  type Target,
} from '../compile/index.ts';
import type { Dims, Graph } from '../ir/index.ts';

/** Programs that are kept: more than shapes come again, in a bound that memory has room for. */
const MOST_PROGRAMS = 256;

/** Lowers a graph once and compiles it for each bucket of dims. */
export class ProgramCache {
  readonly #target: Target;
  readonly #lowered: Graph;
  readonly #programs = new RecentMap<string, Program>(MOST_PROGRAMS);
  #compile: ((dims: Dims) => Program) | undefined;
  #maxTokens: number | undefined;

  /** Runs the passes; `observe` sees the graph after each. */
  constructor(graph: Graph, target: Target, observe?: PassObserver) {
    this.#target = target;
    this.#lowered = lowerGraph(graph, target, observe);
  }

  /** The graph after all passes. */
  get graph(): Graph {
    return this.#lowered;
  }

  /** The most tokens a program takes in one step. Throws UnsupportedError. */
  get maxTokens(): number {
    if (this.#maxTokens !== undefined) return this.#maxTokens;
    requireSupport(this.#lowered, this.#target);
    return (this.#maxTokens = this.#target.maxTokens(this.#lowered));
  }

  /** The program for a step of `dims`. Throws UnsupportedError, CapacityError. */
  program(dims: Dims): Program {
    const bucket = this.#target.bucket(dims);
    const key = `${bucket.B},${bucket.T},${bucket.S}`;
    const known = this.#programs.get(key);
    if (known !== undefined) return known;
    this.#compile ??= compilerOf(this.#lowered, this.#target);
    const program = this.#compile(bucket);
    this.#programs.set(key, program);
    return program;
  }
}

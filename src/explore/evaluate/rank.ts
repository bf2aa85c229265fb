/**
 * What one core does of a model: the kernels of its tensor share as the compiler orders them, cut into
 * stages by layer, with what each stage keeps in memory. Made once for a share and formats; steps of any
 * size are numbers of it.
 */
import { UnsupportedError } from '../../base/index.ts';
import { loadChip, type Chip } from '../../chip/index.ts';
import { fuseKernels, lowerGraph, orderKernels, type Kernel } from '../../compile/index.ts';
import { largestLoad } from '../../cost/index.ts';
import type { Dims, Graph } from '../../ir/index.ts';
import {
  buildGraph,
  buildPredictorGraph,
  NO_WEIGHTS,
  type ModelConfig,
} from '../../model/index.ts';
import {
  jadeTarget,
  kernelShapes,
  planLayout,
  type KernelShape,
  type MemoryLayout,
} from '../../target/jade/index.ts';

/** What of a chip decides how a graph is lowered. */
export type Formats = Pick<Chip['matrix'], 'activationFormat' | 'weightFormat'>;

/** What of a model: its layers, the same with logits of every token, or the head that drafts. */
export type Part = 'layers' | 'checked layers' | 'draft';

/** How the work of a replica is divided beyond tensor groups. */
export interface Division {
  /** Stages of layers. */
  readonly pipeline: number;
  /** Groups with sequences of their own, among which experts are divided. */
  readonly expert: number;
}

/** Bytes in the memory of a core. */
export interface StageMemory {
  readonly weightBytes: number;
  /** Of one sequence. */
  readonly stateBytes: number;
}

/** Sizes of tiles, whose padding is all that is left of it, are those of a chip that ships with Celadon. */
const REFERENCE = loadChip('jade-server');

const ONE_TOKEN: Dims = { B: 1, T: 1, S: 32 };

/** Expert weights are operands of their operator from here on. */
const FIRST_EXPERT_WEIGHT = 2;

export class Rank {
  readonly kernels: readonly Kernel[];
  readonly graph: Graph;
  /** Layers, and that of each kernel; −1 before the first. */
  readonly layers: number;
  private readonly layerOf: readonly number[];
  private readonly chip: Chip;

  /** Throws UnsupportedError where the model has no head that drafts. */
  constructor(model: ModelConfig, formats: Formats, part: Part = 'layers') {
    const { activationFormat, weightFormat } = formats;
    const matrix = { ...REFERENCE.matrix, activationFormat, weightFormat };
    this.chip = { ...REFERENCE, matrix };
    const target = jadeTarget(this.chip, { contextTokens: 1 });
    this.graph = lowerGraph(graphOf(model, part), target);
    this.kernels = orderKernels(fuseKernels(this.graph));
    let layer = -1;
    this.layerOf = this.kernels.map((kernel) => (layer = layerIn(labelOf(kernel)) ?? layer));
    this.layers = Math.max(0, ...this.layerOf) + 1;
  }

  /** So many layers from the first one on that all kinds are among them. */
  get kindLayers(): number {
    const layers = Array.from({ length: this.layers }, () => '');
    kernelShapes(this.graph, ONE_TOKEN, this.kernels).forEach((shape, place) => {
      const layer = this.layerOf[place]!;
      if (layer >= 0) layers[layer] += JSON.stringify({ ...shape, after: [], loadsAfter: [] });
    });
    // The last layer is followed by what comes after all layers.
    const kinds = new Set(layers.slice(0, -1));
    const first = [...kinds].map((kind) => layers.indexOf(kind));
    return Math.max(0, ...first) + 1;
  }

  /** Kernels of each stage in a step of each group with `dims`. */
  stages(dims: Dims, { pipeline, expert }: Division): KernelShape[][] {
    const shapes = kernelShapes(this.graph, dims, this.kernels).map((shape) =>
      shape.kind === 'experts' ? sharedExperts(shape, dims, expert) : shape,
    );
    if (pipeline === 1) return [shapes];
    return Array.from({ length: pipeline }, (_, stage) => {
      const places = new Map<number, number>();
      shapes.forEach((_, place) => {
        if (this.stageOf(this.layerOf[place]!, pipeline) === stage) places.set(place, places.size);
      });
      return [...places.keys()].map((place) => {
        const shape = shapes[place]!;
        const own = (sources: readonly number[]): number[] =>
          sources.flatMap((source) => places.get(source) ?? []);
        const after = own(shape.after);
        return shape.loadsAfter === undefined
          ? { ...shape, after }
          : { ...shape, after, loadsAfter: own(shape.loadsAfter) };
      });
    });
  }

  private stageOf(layer: number, pipeline: number): number {
    const stage = Math.floor((Math.max(layer, 0) * pipeline) / this.layers);
    return Math.min(stage, pipeline - 1); // layers of a head that drafts are counted on from those of the model
  }

  /** Elements of a token that go from a stage to the next, of the boundary with most. */
  passedElements(pipeline: number): number {
    const lastReader = new Map<number, number>();
    const shapes = kernelShapes(this.graph, ONE_TOKEN, this.kernels);
    shapes.forEach(({ after }, place) => after.forEach((source) => lastReader.set(source, place)));
    const stageAt = (place: number): number => this.stageOf(this.layerOf[place]!, pipeline);
    const passed = Array.from({ length: pipeline - 1 }, () => 0);
    for (const [source, reader] of lastReader) {
      const { result } = this.kernels[source]!;
      const fixed = result.type.shape.filter((dim) => typeof dim === 'number');
      const elements = fixed.reduce((product, extent) => product * extent, 1);
      for (let stage = stageAt(source); stage < stageAt(reader); stage++) {
        if (result.type.shape.includes('S')) throw sharedState(result.label);
        passed[stage]! += elements;
      }
    }
    return Math.max(0, ...passed);
  }

  /** Of each stage, with room for `contextTokens` of each sequence, without what `beside` has already. */
  memory(contextTokens: number, { pipeline, expert }: Division, beside?: Rank): StageMemory[] {
    const { weights, regions } = this.layout(contextTokens);
    const there = beside?.layout(contextTokens);
    const routed = this.expertWeights();
    const stages = Array.from({ length: pipeline }, () => ({ weightBytes: 0, stateBytes: 0 }));
    const stageOf = (name: string, otherwise: number): number => {
      const layer = layerIn(name);
      return layer === undefined ? otherwise : this.stageOf(layer, pipeline);
    };
    for (const {
      name,
      planes,
      rows,
      columns,
      tileRows,
      tileColumns,
      slotBytes,
    } of weights.values()) {
      if (there?.weights.has(name)) continue;
      const tiles = planes * Math.ceil(rows / tileRows) * Math.ceil(columns / tileColumns);
      const share = routed.has(name) ? Math.ceil(planes / expert) / planes : 1;
      stages[stageOf(name, pipeline - 1)]!.weightBytes += tiles * slotBytes * share;
    }
    for (const { kind, name, sizeBytes } of regions.values()) {
      if (there?.regions.has(name)) continue;
      const isState = kind === 'state' || kind === 'replaced';
      // The table of embeddings is read by the first stage; tables of positions by all.
      const only = kind === 'bf16' || isState ? 0 : undefined;
      const stage = stageOf(name, only ?? -1);
      const owners = stage < 0 ? stages : [stages[stage]!];
      for (const owner of owners) owner[isState ? 'stateBytes' : 'weightBytes'] += sizeBytes;
    }
    return stages;
  }

  private layout(contextTokens: number): MemoryLayout {
    return planLayout(this.graph, this.chip, contextTokens, 1);
  }

  private expertWeights(): Set<string> {
    const experts = this.kernels.flatMap(({ anchors }) =>
      anchors.filter(({ op }) => op === 'experts'),
    );
    const operands = experts.flatMap(({ inputs }) => inputs.slice(FIRST_EXPERT_WEIGHT));
    return new Set(
      operands.flatMap(({ inputs: [weight] }) =>
        weight?.op === 'weight' ? weight.attrs.name : [],
      ),
    );
  }
}

/** The graph of a part, without weights. */
export function graphOf(model: ModelConfig, part: Part): Graph {
  const logits = part === 'checked layers' ? 'all' : 'last';
  const build = part === 'draft' ? buildPredictorGraph : buildGraph;
  return build(model, NO_WEIGHTS, { logits, latentAttention: 'absorbed' });
}

function labelOf({ name, anchors: [anchor] }: Kernel): string {
  return `${name} ${anchor!.label}`;
}

function layerIn(name: string): number | undefined {
  const [, layer] = /layers\.(\d+)/.exec(name) ?? [];
  return layer === undefined ? undefined : Number(layer);
}

function sharedState(where: string): UnsupportedError {
  return new UnsupportedError('stages must not share state, but layers of two stages read one', {
    where,
    hint: 'use one stage',
  });
}

/**
 * The experts of one of `groups`, with the tokens of all of them: those that uniform choices touch, and the
 * rows of the group with most.
 */
function sharedExperts(
  shape: KernelShape & { readonly kind: 'experts' },
  { B, T }: Dims,
  groups: number,
): KernelShape {
  const choices = shape.loads.reduce((sum, { experts, rows }) => sum + experts * rows, 0);
  const tokens = B * T * groups;
  const held = Math.ceil(shape.experts / groups);
  const isChosen = 1 - (1 - choices / (B * T) / shape.experts) ** tokens;
  const touched = Math.min(held, held * isChosen);
  const rows = Math.min(largestLoad(choices, groups), tokens * held);
  return { ...shape, experts: held, loads: [{ experts: touched, rows: rows / touched }] };
}

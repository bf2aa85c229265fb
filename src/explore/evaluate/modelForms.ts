/**
 * All that evaluating a model on a chip needs and that does not depend on most of the chip, each made when
 * first needed: ranks by share and formats, phases by their size, memory, and the rows that fit on a chip.
 */
import { UnsupportedError } from '../../base/index.ts';
import { kernelsOf, type Meeting } from '../../cost/index.ts';
import type { Dims } from '../../ir/index.ts';
import type { ModelConfig } from '../../model/index.ts';
import type { System } from '../space/design.ts';
import { RowsOnChip, type StepOfRows } from './onChip.ts';
import { Phase } from './phase.ts';
import { graphOf, Rank, type Formats, type Part, type StageMemory } from './rank.ts';
import { shardModel } from './shard.ts';

/** Formats in which the values of steps are measured: those with the largest weights. */
const WIDEST: Formats = { activationFormat: 'mxint8', weightFormat: 'mxint8' };

/** More than the outputs of any piece of logits. */
const FEW_WORDS = 4096;

export class ModelForms {
  private readonly model: ModelConfig;
  private readonly meetings = new Map<Part, readonly Meeting[]>();
  private readonly shards = new Map<number, ModelConfig | UnsupportedError>();
  private readonly ranks = new Map<string, Rank>();
  private readonly phases = new Map<string, Phase>();
  private readonly memories = new Map<string, readonly StageMemory[]>();
  private readonly rows = new Map<string, RowsOnChip>();
  private readonly passed = new Map<string, number>();

  constructor(model: ModelConfig) {
    this.model = model;
  }

  /** Steps of each group with `dims`. Throws UnsupportedError where the model does not divide so. */
  phase(system: System, dims: Dims, part: Part = 'layers'): Phase {
    const { tensor, expert } = system;
    const pipeline = part === 'draft' ? 1 : system.pipeline; // the head is one layer of the last stage
    const key = `${rankKey(system, part)} ${pipeline} ${expert} ${dims.B} ${dims.T} ${dims.S}`;
    return this.phases.getOrInsertComputed(key, () => {
      const rank = this.rank(system, part);
      const passedElements = this.passed.getOrInsertComputed(`${tensor} ${pipeline}`, () =>
        rank.passedElements(pipeline),
      );
      const traffic = { meetings: this.meetingsOf(part), passedElements };
      return new Phase(rank.stages(dims, { pipeline, expert }), dims, traffic);
    });
  }

  private meetingsOf(part: Part): readonly Meeting[] {
    return this.meetings.getOrInsertComputed(part, () => {
      const { meetings, width } = kernelsOf(graphOf(this.model, part));
      const sum = { kind: 'sum', topK: 0, topGroups: 0, count: 1 } as const;
      // A rank has rows of the table of embeddings, and logits of the same part of the vocabulary.
      const table = { ...sum, width, last: false };
      const best = { ...sum, width: 2, last: part !== 'checked layers' };
      return [...meetings, table, best];
    });
  }

  /** Of each stage; with a head that drafts in the last one, where `drafts`. */
  memory(system: System, contextTokens: number, drafts: boolean): readonly StageMemory[] {
    const { pipeline, expert } = system;
    const key = `${rankKey(system)} ${pipeline} ${expert} ${contextTokens} ${drafts}`;
    return this.memories.getOrInsertComputed(key, () => {
      const rank = this.rank(system);
      const stages = rank.memory(contextTokens, system);
      if (!drafts) return stages;
      const head = this.rank(system, 'draft').memory(contextTokens, { pipeline: 1, expert }, rank);
      return [...stages.slice(0, -1), added(stages.at(-1)!, head[0]!)];
    });
  }

  /** The most rows of a step, a power of two; 0 where none fits. `name` is that of `dimsOf`. */
  mostRows(system: System, name: string, dimsOf: StepOfRows): number {
    const { tensor, chip } = system;
    const rows = this.rows.getOrInsertComputed(`${tensor} ${name}`, () => {
      const { kindLayers } = this.rank(system);
      const shard = this.shard(tensor);
      const vocab = Math.min(shard.config.vocab_size, FEW_WORDS); // logits are finished piece by piece
      const config = { ...shard.config, num_hidden_layers: kindLayers, vocab_size: vocab };
      return new RowsOnChip(new Rank({ ...shard, config } as ModelConfig, WIDEST), dimsOf);
    });
    return rows.most(chip);
  }

  private rank(system: System, part: Part = 'layers'): Rank {
    return this.ranks.getOrInsertComputed(
      rankKey(system, part),
      () => new Rank(this.shard(system.tensor), system.chip.matrix, part),
    );
  }

  private shard(tensor: number): ModelConfig {
    const shard = this.shards.getOrInsertComputed(tensor, () => {
      try {
        return shardModel(this.model, tensor);
      } catch (error) {
        if (error instanceof UnsupportedError) return error;
        throw error;
      }
    });
    if (shard instanceof UnsupportedError) throw shard;
    return shard;
  }
}

function rankKey({ tensor, chip: { matrix } }: System, part: Part = 'layers'): string {
  return `${tensor} ${matrix.activationFormat} ${matrix.weightFormat} ${part}`;
}

function added(a: StageMemory, b: StageMemory): StageMemory {
  return { weightBytes: a.weightBytes + b.weightBytes, stateBytes: a.stateBytes + b.stateBytes };
}

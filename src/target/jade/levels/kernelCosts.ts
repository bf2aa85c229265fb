/**
 * What a kernel asks of memory channel, matrix unit and vector unit, in cycles: the number of each kind of
 * tile times the closed form of its instruction (machine.ts), without running anything.
 */
import { MX_BLOCK } from '../../../ir/index.ts';
import { AttentionWork } from './attentionWork.ts';
import { ExpertsWork } from './expertsWork.ts';
import type {
  ComposedShape,
  EmbeddingShape,
  IndexerShape,
  KernelShape,
  RowsShape,
} from './kernelShapes.ts';
import { LinearWork } from './linearWork.ts';
import type { Machine } from './machine.ts';
import type { RepeatedStep } from './repeatedSteps.ts';
import { UnitCycles } from './unitCycles.ts';
import { windowCost } from './windowCost.ts';

/** The cost of a kernel; on one chip after another, each written over that of the one before. */
export class KernelCost extends UnitCycles {
  private readonly linear = new LinearWork();
  private readonly attention = new AttentionWork();
  private readonly experts = new ExpertsWork();

  set(machine: Machine, shape: KernelShape): void {
    this.clear();
    switch (shape.kind) {
      case 'linear':
        return this.linear.set(this, machine, shape);
      case 'rows':
        return this.rows(machine, shape);
      case 'composed':
        return this.composed(machine, shape);
      case 'embedding':
        return this.embedding(machine, shape);
      case 'attention':
        return this.attention.set(this, machine, shape);
      case 'indexer':
        return this.indexer(machine, shape);
      case 'window':
        Object.assign(this, windowCost(machine, shape), { waits: true });
        this.array = this.matrix;
        this.early = this.memory;
        return;
      case 'experts':
        return this.experts.set(this, machine, shape);
    }
  }

  /** Of attention, with the query that it is joined with. */
  join(machine: Machine, query: KernelCost): void {
    this.attention.join(this, machine, query.linear);
  }

  private rows(machine: Machine, { rows, steps }: RowsShape): void {
    this.vector = 0;
    for (let i = 0; i < steps.length; i++)
      this.vector += machine.vector(steps[i]!, rows, steps[i]!.width);
    this.lastVector = this.vector;
  }

  private composed(machine: Machine, { steps, stateBytes }: ComposedShape): void {
    this.memory = stateBytes > 0 ? machine.transfers(2, stateBytes) : 0;
    this.vector = this.repeated(machine, steps);
    this.lastVector = this.vector;
  }

  private repeated(machine: Machine, steps: readonly RepeatedStep[]): number {
    let cycles = 0;
    for (let i = 0; i < steps.length; i++) {
      const { step, rows, times } = steps[i]!;
      cycles += times * machine.vector(step, rows, step.width);
    }
    return cycles;
  }

  /** Token ids, then the rows they choose, then these rows as f32. */
  private embedding(machine: Machine, { rows, width, copy }: EmbeddingShape): void {
    this.memory = machine.transfers(rows, width * 2);
    this.vector = machine.vector(copy, rows, width);
    this.lastVector = this.vector + 2 * machine.chip.memory.latencyCycles;
  }

  /** Heads wait for one another: no product begins before the scores of the tokens before are chosen from. */
  private indexer(machine: Machine, shape: IndexerShape): void {
    const { sequences, tokens, context, heads, keyWidth, rowBytes } = shape;
    const rows = tokens * heads;
    const blockBytes = (rowBytes / keyWidth) * MX_BLOCK;
    const scores = machine.scores(rows, context, keyWidth, blockBytes, false);
    const choice =
      machine.vector(shape.max, rows, context) +
      machine.vector(shape.mix, tokens, context) +
      this.repeated(machine, shape.choice);
    this.memory = sequences * machine.transfers(1, context * rowBytes);
    this.matrix = sequences * scores;
    this.array = this.matrix;
    this.vector = sequences * choice;
    this.lastMatrix = scores;
    this.firstLoad = this.memory / sequences;
    this.lastVector = machine.chip.matrix.pipelineCycles + choice;
    this.waits = true;
  }
}

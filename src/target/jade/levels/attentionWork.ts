/**
 * Attention. Tokens go in blocks whose scores fit in an accumulator bank, small ones when the state is one piece; a
 * block sees the positions before its end, here all the mean number of them.
 */
import { MX_BLOCK } from '../../../ir/index.ts';
import { rowsOfPiece } from '../schedule/stateRows.ts';
import { LOAD_COMMAND_CYCLES } from '../sim/transferTiming.ts';
import { Heads, type Piece } from './heads.ts';
import type { AttentionShape } from './kernelShapes.ts';
import type { LinearWork } from './linearWork.ts';
import type { Machine } from './machine.ts';
import type { UnitCycles } from './unitCycles.ts';

export class AttentionWork {
  /** Blocks of each key head, and key heads. */
  private blocks = 1;
  private groups = 1;
  private readonly heads = new Heads();

  set(cost: UnitCycles, machine: Machine, shape: AttentionShape): void {
    const { tokens, context, valueWidth, rowBytes, groups } = shape;
    const { chip, rings } = machine;
    const { pipelineCycles } = chip.matrix;
    const piece = Math.min(context, rowsOfPiece(chip, rowBytes));
    const isWhole = piece === context;
    const size = Math.min(blockOf(machine, shape), isWhole ? MX_BLOCK : tokens);
    const reach = Math.ceil((context - (tokens - size) / 2) / MX_BLOCK) * MX_BLOCK;
    const rows = (size * shape.heads) / groups;
    const perState = tokens / size;
    this.groups = groups;
    this.blocks = shape.sequences * perState;
    const blocks = this.blocks * groups;
    const states = shape.shared && isWhole ? 1 : 2;
    const softmax = machine.vector(shape.softmax, rows, reach);
    const finish = machine.piece(shape.steps, rows, valueWidth);
    const whole = Math.max(1, Math.floor(reach / piece));
    const left = Math.max(0, reach - whole * piece);
    const pieces = pieceOf(machine, shape, rows, [whole, piece]);
    const rest = left > 0 ? pieceOf(machine, shape, rows, [1, left]) : undefined;
    const scores = pieces.scores + (rest?.scores ?? 0);
    const values = pieces.values + (rest?.values ?? 0);
    const loads = (isWhole ? blocks / perState : blocks) * states;
    cost.memory = loads * machine.transfers(context / piece, piece * rowBytes);
    cost.matrix = blocks * (scores + values);
    cost.vector = blocks * (softmax + finish);
    cost.toVector = scores + pipelineCycles;
    const last = rest ?? { scores: pieces.scores / whole, values: pieces.values / whole };
    cost.lastMatrix =
      states > 1
        ? last.values + pipelineCycles
        : last.scores + values + 2 * pipelineCycles + softmax;
    cost.lastVector = finish + pipelineCycles;
    cost.waits = true;
    cost.joined = shape.joined;
    const ahead = rings.context / chip.memory.bytesPerCycle;
    cost.early = Math.min(cost.memory, ahead);
    const [scoreBytes, valueBytes] = [rows * reach * 4, rows * valueWidth * 4];
    this.heads.set(chip, { softmax, finish, scoreBytes, valueBytes, pieces, rest, states });
    if (shape.joined) {
      cost.firstLoad = machine.transfers(1, piece * rowBytes);
      return;
    }
    const sharing = isWhole ? perState : 1;
    cost.array = this.heads.alone(blocks, sharing, rings.context, ahead);
    cost.afterLoads = this.heads.alone(blocks, sharing, rings.context, 0);
    cost.arrayAfterVector = cost.array - cost.toVector;
  }

  /** With the query that it is joined with. */
  join(cost: UnitCycles, machine: Machine, query: LinearWork): void {
    const { heads, blocks, groups } = this;
    const { chunks, steps, sumBytes } = query;
    // Beside the products of a head its query's weights are loaded as far as their ring goes.
    const loads = query.loads - machine.ahead / Math.max(1, chunks / groups);
    const products = Math.max(query.products, loads);
    const paced = { chunks, products, steps, sumBytes };
    heads.join(blocks, groups, paced, machine.rings.context, cost.early);
    cost.array = heads.afterStart;
    cost.arrayAfterVector = heads.afterVector;
    cost.afterLoads = heads.afterKeys;
    cost.afterQuery = heads.afterQuery;
  }
}

/** So many pieces of so many rows of state; where they are in turn in the ring, loads wait for products and products for loads. */
function pieceOf(
  machine: Machine,
  { keyWidth, valueWidth, rowBytes, shared }: AttentionShape,
  rows: number,
  [count, stateRows]: readonly [number, number],
): Piece {
  const { matrix, memory } = machine.chip;
  const blockBytes = (rowBytes / keyWidth) * MX_BLOCK;
  const scores = machine.scores(rows, stateRows, keyWidth, blockBytes, shared);
  const values = machine.values(rows, valueWidth, stateRows);
  const bytes = stateRows * rowBytes;
  const loads = machine.transfers(1, bytes);
  const held = Math.min(count, Math.max(1, Math.floor(machine.rings.context / bytes)));
  /** From one load to the next. */
  const paceOf = (products: number): number => {
    const turn = LOAD_COMMAND_CYCLES + memory.latencyCycles + loads + products;
    return Math.max(loads, (turn + matrix.pipelineCycles) / held);
  };
  const paced = (products: number): number =>
    Math.max(count * products, (count - held) * paceOf(products) + products);
  return {
    ...{ count, bytes: count * bytes, loads: count * (count > 1 ? paceOf(values) : loads) },
    ...{ scores: count * scores, values: count * values },
    ...{ pacedScores: paced(scores), pacedValues: paced(values) },
  };
}

/** Tokens whose scores fit in an accumulator bank, and their results in all. */
function blockOf({ chip }: Machine, shape: AttentionShape): number {
  const { sizeBytes, banks } = chip.accumulator;
  const heads = shape.heads / shape.groups;
  const scores = Math.floor(sizeBytes / banks / (heads * shape.context * 4));
  return Math.min(shape.tokens, scores, Math.floor(sizeBytes / (heads * shape.valueWidth * 4)));
}

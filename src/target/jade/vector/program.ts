/** Which program an instruction runs, and how many slots it takes: the microcode with the fields filled in. */
import { FORMAT_CODES, NONE, SCORINGS, type Fields, type Opcode } from '../isa.table.ts';
import { MICROCODE, type ProgramName } from './microcode.table.ts';
import type { Condition, LoopKind, MicroOp, Piece, Program } from './microOps.ts';

/** Opcodes with a program; `dispatch` writes lists one entry a cycle and has none. */
export type MicrocodedOpcode = Exclude<Opcode, 'load' | 'gather' | 'store' | 'matmul' | 'dispatch'>;

/** The program of an instruction on a chip with `lanes` vector lanes. */
export function programOf(op: MicrocodedOpcode, fields: Fields, lanes: number): ProgramName {
  if (op === 'copy' && isWide(fields, lanes)) return 'copyWide';
  if (op === 'rope' && fields['interleaved'] === 1) return 'ropeInterleaved';
  return op;
}

/** Groups that are no power of two of blocks inside a window. */
function isWide(fields: Fields, lanes: number): boolean {
  const group = fields['group']!;
  const isNarrow = group <= lanes && Number.isInteger(Math.log2(group));
  return fields['dFormat'] !== FORMAT_CODES.f32 && !isNarrow;
}

export function holds(condition: Condition, fields: Fields): boolean {
  switch (condition) {
    case 'scaled':
    case 'biased':
      return fields['b'] !== NONE;
    case 'softmax':
    case 'sigmoid':
      return SCORINGS[fields['scoring']!] === condition;
    case 'limited':
      return fields['limit'] !== undefined && fields['limit'] !== 0;
    case 'grouped':
      return fields['groups']! > 1;
    case 'normalize':
    case 'accumulate':
    case 'groupByBest':
      return fields[condition] === 1;
  }
}

/** Columns of one item of work: what a context has. */
export function itemColumns({ item }: Program, fields: Fields, lanes: number): number {
  switch (item) {
    case 'row':
      return fields['columns']!;
    case 'group':
      return fields['group']!;
    default:
      return lanes;
  }
}

export function timesOf(loop: LoopKind, program: Program, fields: Fields, lanes: number): number {
  if (loop === 'windows') return Math.ceil(itemColumns(program, fields, lanes) / lanes);
  return loop === 'fold' ? Math.log2(lanes) : fields[loop]!;
}

/** Slots of a program: those that run once, and those of each turn of the loops that depend on columns or lanes. */
export type SlotCounts = Readonly<Record<'once' | 'windows' | 'fold' | 'columns', number>>;

export function slotCounts({ body }: Program, fields: Fields): SlotCounts {
  const counts = { once: 0, windows: 0, fold: 0, columns: 0 };
  const count = (pieces: readonly Piece[], times: number, loop: keyof SlotCounts): void => {
    for (const piece of pieces) {
      if ('when' in piece) {
        if (holds(piece.when, fields) === piece.is) count(piece.body, times, loop);
      } else if (!('loop' in piece)) counts[loop] += times;
      else if (piece.loop in counts) count(piece.body, times, piece.loop as keyof SlotCounts);
      else count(piece.body, times * fields[piece.loop]!, loop);
    }
  };
  count(body, 1, 'once');
  return counts;
}

/** The slots in words, such as `2 + 3·windows`; those of a variant in brackets with its condition. */
export function slotFormula(pieces: readonly Piece[]): string {
  const single = pieces.filter((piece) => !('body' in piece)).length;
  const terms = pieces.flatMap((piece) => {
    if (!('body' in piece)) return [];
    const inner = slotFormula(piece.body);
    if ('when' in piece) return [`[${piece.is ? '' : 'not '}${piece.when}: ${inner}]`];
    return [`${/^\d+$/.test(inner) ? inner : `(${inner})`}·${piece.loop}`];
  });
  return [...(single > 0 || terms.length === 0 ? [single] : []), ...terms].join(' + ');
}

/** The micro-operations of all programs, each once. */
export function microOpsOf(pieces: readonly Piece[]): MicroOp[] {
  return pieces.flatMap((piece) => ('body' in piece ? microOpsOf(piece.body) : [piece]));
}

export function program(name: ProgramName): Program {
  return MICROCODE[name];
}

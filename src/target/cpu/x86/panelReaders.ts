/**
 * How a kernel of machine code reads the weights of a panel (../panels/), format by format.
 *
 * The products want sixteen lines of a block, each of 64 unsigned bytes: line 2·g + h has for column group g (four
 * columns) and row half h sixteen rows × four columns of levels plus a bias.
 */
import {
  at,
  broadcast,
  half,
  resized,
  type Assembler,
  type FunctionBuilder,
  type General,
  type Label,
  type Memory,
  type Vector,
} from '../../../x86/index.ts';
import {
  PANEL_FORMATS,
  type PanelFormat,
  type PanelFormatName,
} from '../panels/panelFormats.table.ts';

/** Column groups of a block: four columns each. */
export const GROUPS = 8;
export const LINE_BYTES = 64;

/** The two lines of one column group, in registers. */
export type UseGroup = (group: number, lines: readonly [Vector, Vector]) => void;

/** Reads one format. */
export interface PanelReader {
  /** Bytes of a block, scales and all. */
  readonly blockBytes: number;
  /** What the unsigned bytes are more than the values. */
  readonly bias: 128 | 8;
  /** Whether the lines are as the products want them: then a block can be used where it is. */
  readonly plain: boolean;
  /** Put constants into registers of one's own. */
  prepare(f: FunctionBuilder): readonly Vector[];
  /** Load the lines of the block at `w`, group by group, into `lines`, and use them. */
  forGroups(
    f: FunctionBuilder,
    w: General,
    lines: readonly [Vector, Vector],
    constants: readonly Vector[],
    use: UseGroup,
  ): void;
}

/** A line of scales, then sixteen lines of bytes. */
export const PLAIN_BLOCK_BYTES = 17 * LINE_BYTES;

/** Reads lines that are as the products want them. */
function plainReader(bias: 128 | 8): PanelReader {
  return {
    blockBytes: PLAIN_BLOCK_BYTES,
    bias,
    plain: true,
    prepare: () => [],
    forGroups(f, w, lines, _, use) {
      for (let group = 0; group < GROUPS; group++) {
        const place = LINE_BYTES * (1 + 2 * group);
        lines.forEach((line, h) => f.emit('vmovdqu32', line, at(w, place + LINE_BYTES * h)));
        use(group, lines);
      }
    },
  };
}

/** Reads two lines from each: low nibbles are line i, high ones line i + 8; `levels` is a table of what they mean. */
function nibbleReader(bias: 128 | 8, levels?: Label): PanelReader {
  return {
    blockBytes: 9 * LINE_BYTES,
    bias,
    plain: false,
    prepare: (f) => [everyByte(f, 0x0f), ...(levels ? [loadTable(f, levels)] : [])],
    forGroups(f, w, lines, [low, table], use) {
      const look = (): void => {
        if (table) for (const line of lines) f.emit('vpshufb', line, table, line);
      };
      for (let group = 0; group < GROUPS / 2; group++) {
        const stored = (h: number): Memory => at(w, LINE_BYTES * (1 + 2 * group + h));
        lines.forEach((line, h) => f.emit('vpandd', line, low!, stored(h)));
        look();
        use(group, lines);
        lines.forEach((line, h) => {
          f.emit('vpsrld', line, stored(h), 4).emit('vpandd', line, line, low!);
        });
        look();
        use(group + GROUPS / 2, lines);
      }
    },
  };
}

/** The readers of a format: of its blocks, and of what they become when they are unpacked. */
export interface PanelReaders {
  readonly stored: PanelReader;
  readonly unpacked: PanelReader;
}

/** Tables become constants of the assembler: levels plus 128, so that bytes are unsigned. */
export function panelReaders(assembler: Assembler, name: PanelFormatName): PanelReaders {
  const { bits, bias, levels }: PanelFormat = PANEL_FORMATS[name];
  if (levels) {
    const table = assembler.constant(Uint8Array.from(levels, (level) => level + 128));
    return { stored: nibbleReader(128, table), unpacked: plainReader(128) };
  }
  const unpacked = plainReader(bias as 128 | 8);
  return { stored: bits === 8 ? unpacked : nibbleReader(8), unpacked };
}

function everyByte(f: FunctionBuilder, byte: number): Vector {
  const [all, value] = [f.vector(512), f.general()];
  f.emit('mov', value, byte * 0x01010101);
  f.emit('vmovd', resized(all, 128), half(value)).emit('vpbroadcastd', all, resized(all, 128));
  f.free(value);
  return all;
}

/** Sixteen bytes, in each 128 bits. */
function loadTable(f: FunctionBuilder, table: Label): Vector {
  const all = f.vector(512);
  f.emit('vbroadcasti32x4', all, at(table));
  return all;
}

/** Copy the block at `from` to plain lines at `to`, scales and all. */
export function unpackBlock(
  f: FunctionBuilder,
  reader: PanelReader,
  from: General,
  to: General,
  lines: readonly [Vector, Vector],
  constants: readonly Vector[],
): void {
  f.emit('vmovdqu32', lines[0], at(from)).emit('vmovdqu32', at(to), lines[0]);
  reader.forGroups(f, from, lines, constants, (group, [first, second]) => {
    f.emit('vmovdqu32', at(to, LINE_BYTES * (1 + 2 * group)), first);
    f.emit('vmovdqu32', at(to, LINE_BYTES * (2 + 2 * group)), second);
  });
}

/** The 32 scales of the block at `w`, as f32. */
export function loadScales(
  f: FunctionBuilder,
  w: General,
  scales: readonly [Vector, Vector],
): void {
  scales.forEach((half, h) => f.emit('vcvtph2ps', half, at(w, 32 * h)));
}

/** −bias·Σa in every lane, from memory that holds −128·Σa. */
export function loadCorrection(f: FunctionBuilder, to: Vector, sum: Memory, bias: 128 | 8): void {
  if (bias === 128) f.emit('vpbroadcastd', to, sum);
  else f.emit('vpsrad', to, broadcast(sum), 4);
}

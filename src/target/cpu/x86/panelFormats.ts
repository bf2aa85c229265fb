/**
 * How a kernel of machine code reads the weights of a panel, format by format.
 *
 * A block is 32 rows × 32 columns. Its sixteen lines of 64 bytes, as the products want them: line 2·g + h has for
 * column group g (four columns) and row half h sixteen rows × four columns of unsigned bytes, value plus bias.
 */
import {
  at,
  broadcast,
  resized,
  type FunctionBuilder,
  type General,
  type Memory,
  type Vector,
} from '../../../x86/index.ts';

/** Column groups of a block: four columns each. */
export const GROUPS = 8;
export const LINE_BYTES = 64;

/** The two lines of one column group, in registers. */
export type UseGroup = (group: number, lines: readonly [Vector, Vector]) => void;

/** Reads one format. */
export interface PanelFormat {
  readonly name: string;
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

function plainFormat(name: string, bias: 128 | 8): PanelFormat {
  return {
    name,
    blockBytes: PLAIN_BLOCK_BYTES,
    bias,
    plain: true,
    prepare: () => [],
    forGroups(f, w, lines, _, use) {
      for (let group = 0; group < GROUPS; group++) {
        lines.forEach((line, h) =>
          f.emit('vmovdqu32', line, at(w, LINE_BYTES * (1 + 2 * group + h))),
        );
        use(group, lines);
      }
    },
  };
}

/** 8-bit values plus 128. */
export const PLAIN_8 = plainFormat('8', 128);

/** 4-bit values plus 8, a byte each: what `NIBBLES_4` is unpacked to. */
export const PLAIN_4 = plainFormat('4Unpacked', 8);

/** 4-bit values plus 8: line i has line i of the bytes in its low nibbles, line i + 8 in its high ones. */
export const NIBBLES_4: PanelFormat = {
  name: '4',
  blockBytes: 9 * LINE_BYTES,
  bias: 8,
  plain: false,
  prepare(f) {
    const low = f.vector(512);
    const value = f.general();
    f.emit('mov', value, 0x0f0f0f0f).emit('vmovd', resized(low, 128), { ...value, bits: 32 });
    f.emit('vpbroadcastd', low, resized(low, 128)).free(value);
    return [low];
  },
  forGroups(f, w, lines, [low], use) {
    for (let group = 0; group < GROUPS / 2; group++) {
      const stored = (h: number): Memory => at(w, LINE_BYTES * (1 + 2 * group + h));
      lines.forEach((line, h) => f.emit('vpandd', line, low!, stored(h)));
      use(group, lines);
      lines.forEach((line, h) =>
        f.emit('vpsrld', line, stored(h), 4).emit('vpandd', line, line, low!),
      );
      use(group + GROUPS / 2, lines);
    }
  },
};

/** Copy the block at `from` to plain lines at `to`, scales and all. */
export function unpackBlock(
  f: FunctionBuilder,
  format: PanelFormat,
  from: General,
  to: General,
  lines: readonly [Vector, Vector],
  constants: readonly Vector[],
): void {
  f.emit('vmovdqu32', lines[0], at(from)).emit('vmovdqu32', at(to), lines[0]);
  format.forGroups(f, from, lines, constants, (group, [first, second]) => {
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

/**
 * How a kernel of machine code reads the weights of a panel (../panels/), format by format.
 *
 * The products want sixteen lines of a block, each of 64 unsigned bytes: line 2·g + h has for column group g (four
 * columns) and row half h sixteen rows × four columns of levels plus a bias.
 */
import {
  at,
  type Assembler,
  type FunctionBuilder,
  type General,
  type Label,
  type Level,
  type Memory,
  type Vector,
} from '../../../x86/index.ts';
import {
  INTEGER_FORMATS,
  LINE_BYTES,
  type Bias,
  type IntegerFormat,
  type IntegerFormatName,
} from '../panels/panelFormats.table.ts';
import { integerPlace, layoutOf, planesOf } from '../panels/panelLayout.ts';
import { byteDot, hasByteDot, type ByteDot } from './byteDots.ts';
import {
  BOTH,
  emitAnd,
  emitOrAnd,
  emitShift,
  everyWord,
  loadTable,
  pair,
  stripsOf,
  type Pair,
  type Strip,
} from './width.ts';

/** Column groups of a block: four columns each. */
export const GROUPS = 8;
/** What rows are multiplied with, beside the levels. */
export type Factor = 'scale' | 'min';

/** Where a block is: the header of its unit, and what follows that. In units of one block they are in one register. */
export interface BlockPlace {
  readonly header: General;
  readonly block: General;
}

/** Blocks that share a header, its bytes where it is apart from blocks, and bytes of a block. */
export interface Units {
  readonly unitBlocks: number;
  readonly headerBytes: number;
  readonly blockBytes: number;
}

/** Reads one format of integers. */
export interface PanelReader extends Units {
  /** What the unsigned bytes are more than the values. */
  readonly bias: Bias;
  /** How the lines are multiplied. */
  readonly dot: ByteDot;
  /** Parts of a block that have factors of their own, and whether one is a min. */
  readonly parts: 1 | 2;
  readonly hasMin: boolean;
  /** Put constants into registers of one's own. */
  prepare(f: FunctionBuilder): readonly Vector[];
  /** Load the lines of a column group of the block at `block`, of the rows of a strip; `spare` is overwritten. */
  loadGroup(
    f: FunctionBuilder,
    block: General,
    group: number,
    strip: Strip,
    lines: Pair,
    spare: Pair,
    constants: readonly Vector[],
  ): void;
  /** Load the factors of a part as f32, of the rows of a strip; `spare` is overwritten. */
  loadFactors(
    f: FunctionBuilder,
    place: BlockPlace,
    kind: Factor,
    part: number,
    strip: Strip,
    to: Pair,
    spare: Pair,
  ): void;
}

/** Bytes of a block, with its share of the header. */
export function bytesOfBlock({ unitBlocks, headerBytes, blockBytes }: Units): number {
  return blockBytes + headerBytes / unitBlocks;
}

/** Emit at the start of a block, with `blocks` to go, a multiple of units: move on to the next unit where it is due. */
export function startBlock(
  f: FunctionBuilder,
  { unitBlocks, headerBytes }: Units,
  blocks: General,
  { header, block }: BlockPlace,
): void {
  if (unitBlocks === 1) return;
  const [same, index] = [f.label('sameUnit'), f.general()];
  f.emit('mov', index, blocks)
    .emit('and', index, unitBlocks - 1)
    .emit('jne', same)
    .free(index);
  f.emit('mov', header, block).emit('add', block, headerBytes).place(same);
}

/** Run `body` with registers for a block's place, which starts at `block`. */
export function withPlace(
  f: FunctionBuilder,
  { unitBlocks }: Units,
  block: General,
  body: (place: BlockPlace) => void,
): void {
  if (unitBlocks === 1) return body({ header: block, block });
  const header = f.general();
  body({ header, block });
  f.free(header);
}

/** Reads blocks as they are in panels. */
function storedReader(
  name: IntegerFormatName,
  table: Label | undefined,
  dot: ByteDot,
): PanelReader {
  const format: IntegerFormat = INTEGER_FORMATS[name];
  const { scaling } = format;
  const layout = layoutOf(format);
  const isApart = layout.unitBlocks > 1;
  const codesAt = layout.codesAt + (isApart ? 0 : layout.headerBytes);
  return {
    unitBlocks: layout.unitBlocks,
    headerBytes: isApart ? layout.headerBytes : 0,
    blockBytes: isApart ? layout.blockBytes : layout.unitBytes,
    bias: dot.isSigned ? 0 : table ? 128 : format.bias,
    dot,
    parts: scaling.parts,
    hasMin: scaling.hasMin,
    prepare(f) {
      const masks = planesOf(format, 0).filter(({ bits }) => bits < 8);
      const bytes = masks.map(({ from, bits }) => everyByte(f, ((1 << bits) - 1) << from));
      const flip = dot.isSigned && !table ? [everyByte(f, format.bias)] : [];
      return [...bytes, ...flip, ...(table ? [loadTable(f, table)] : [])];
    },
    loadGroup(f, block, group, strip, lines, spare, constants) {
      for (const [i, { line, shift, from, bits }] of planesOf(format, group).entries()) {
        for (const h of BOTH) {
          const stored = at(block, codesAt + LINE_BYTES * line + ROW_BYTES * strip[h]);
          const shifted = i === 0 ? lines[h] : spare[h];
          if (bits === 8) f.emit('vmovups', lines[h], stored);
          else selectBits(f, lines[h], shifted, stored, shift - from, constants[i]!, i === 0);
        }
      }
      if (table) for (const line of lines) f.emit('vpshufb', line, constants.at(-1)!, line);
      else if (dot.isSigned)
        for (const line of lines) f.emit('vpsubb', line, line, constants.at(-1)!);
    },
    loadFactors(f, { header, block }, kind, part, strip, to, spare) {
      const line = kind === 'min' ? LINE_BYTES : 0;
      const integers = integerPlace(scaling, kind, part);
      for (const h of BOTH) {
        f.emit('vcvtph2ps', to[h], at(header, line + 2 * strip[h]));
        if (!integers) continue;
        f.emit('vpmovsxbd', spare[h], at(block, integers.at + strip[h]));
        if (integers.nibble === 'low') f.emit('vpslld', spare[h], spare[h], 28);
        if (integers.nibble === 'high') f.emit('vpslld', spare[h], spare[h], 24);
        if (integers.nibble) f.emit('vpsrld', spare[h], spare[h], 28);
        f.emit('vcvtdq2ps', spare[h], spare[h]).emit('vmulps', to[h], to[h], spare[h]);
      }
    },
  };
}

/** line = (stored shifted right by `shift`) & mask, or that added to what the line has; `shifted` is overwritten. */
function selectBits(
  f: FunctionBuilder,
  line: Vector,
  shifted: Vector,
  stored: Memory,
  shift: number,
  mask: Vector,
  isFirst: boolean,
): void {
  if (shift !== 0) emitShift(f, shift > 0 ? 'vpsrld' : 'vpslld', shifted, stored, Math.abs(shift));
  const bits = shift === 0 ? stored : shifted;
  if (isFirst) emitAnd(f, line, mask, bits);
  else emitOrAnd(f, line, mask, bits, shifted);
}

/** Bytes of a row in a line, and in factors of f32. */
const ROW_BYTES = 4;
/** Factors of a part in a block of plain lines, before the codes. */
const FACTOR_BYTES = 2 * LINE_BYTES;

/**
 * Reads blocks whose factors are f32, then lines as the products want them: what a stored block is unpacked to. Biases
 * become 128, which activations carry ready for use, where the products can have codes so large.
 */
function plainReader({ bias: stored, dot, parts, hasMin }: PanelReader, level: Level): PanelReader {
  const bias = stored === 0 || !hasByteDot(level) ? stored : 128;
  const codesAt = factorKinds({ parts, hasMin }).length * FACTOR_BYTES;
  return {
    ...{ bias, dot, parts, hasMin, unitBlocks: 1, headerBytes: 0 },
    blockBytes: codesAt + 2 * GROUPS * LINE_BYTES,
    prepare: () => [],
    loadGroup(f, block, group, strip, lines) {
      const line = codesAt + 2 * LINE_BYTES * group;
      for (const h of BOTH) f.emit('vmovups', lines[h], at(block, line + ROW_BYTES * strip[h]));
    },
    loadFactors(f, { block }, kind, part, strip, to) {
      const index = (hasMin ? 2 : 1) * part + (kind === 'min' ? 1 : 0);
      for (const h of BOTH)
        f.emit('vmovups', to[h], at(block, FACTOR_BYTES * index + ROW_BYTES * strip[h]));
    },
  };
}

/** The factors of a block, in the order in which they are used. */
function factorKinds({ parts, hasMin }: Pick<PanelReader, 'parts' | 'hasMin'>) {
  const kinds: readonly Factor[] = hasMin ? ['scale', 'min'] : ['scale'];
  return Array.from({ length: parts }, (_, part) => kinds.map((kind) => ({ kind, part }))).flat();
}

/** The readers of a format: of its blocks, and of what they become when they are unpacked. */
export interface PanelReaders {
  readonly stored: PanelReader;
  readonly unpacked: PanelReader;
}

/** Tables become constants of the assembler: levels, plus 128 where bytes must be unsigned. */
export function panelReaders(assembler: Assembler, name: IntegerFormatName): PanelReaders {
  const { planes, levels, scaling }: IntegerFormat = INTEGER_FORMATS[name];
  const bits = planes.reduce<number>((sum, plane) => sum + plane, 0);
  const range = {
    largest: levels ? undefined : 2 ** bits - 1,
    groups: GROUPS / scaling.parts,
  };
  const dot = byteDot(assembler, range);
  const added = dot.isSigned ? 0 : 128;
  const table = levels && assembler.constant(Uint8Array.from(levels, (level) => level + added));
  const stored = storedReader(name, table, dot);
  const isPlain = planes[0] === 8 && assembler.level !== 'avx512';
  return { stored, unpacked: isPlain ? stored : plainReader(stored, assembler.level) };
}

function everyByte(f: FunctionBuilder, byte: number): Vector {
  return everyWord(f, (byte * 0x01010101) | 0);
}

/** Unpack blocks to what `unpacked` reads; the registers are moved on. */
export function unpackBlocks(
  f: FunctionBuilder,
  stored: PanelReader,
  unpacked: PanelReader,
  { from, to, blocks }: Readonly<Record<'from' | 'to' | 'blocks', General>>,
  constants: readonly Vector[],
): void {
  const pairs = [pair(f), pair(f)] as const;
  const more = unpacked.bias - stored.bias;
  const added = more > 0 ? everyByte(f, more) : undefined;
  withPlace(f, stored, from, (place) =>
    f.repeat(blocks, () => {
      startBlock(f, stored, blocks, place);
      unpackBlock(f, stored, place, to, pairs, constants, added);
      f.emit('add', from, stored.blockBytes).emit('add', to, unpacked.blockBytes);
    }),
  );
  f.free(...pairs.flat(), ...(added ? [added] : []));
}

/** Unpack a block to plain lines at `to`; `added` is for each byte of them. */
function unpackBlock(
  f: FunctionBuilder,
  reader: PanelReader,
  place: BlockPlace,
  to: General,
  [lines, spare]: readonly [Pair, Pair],
  constants: readonly Vector[],
  added: Vector | undefined,
): void {
  const factors = factorKinds(reader);
  for (const strip of stripsOf(f)) {
    for (const [i, { kind, part }] of factors.entries()) {
      reader.loadFactors(f, place, kind, part, strip, lines, spare);
      for (const h of BOTH)
        f.emit('vmovups', at(to, FACTOR_BYTES * i + ROW_BYTES * strip[h]), lines[h]);
    }
    for (let group = 0; group < GROUPS; group++) {
      reader.loadGroup(f, place.block, group, strip, lines, spare, constants);
      const line = FACTOR_BYTES * factors.length + 2 * LINE_BYTES * group;
      for (const h of BOTH) {
        if (added) f.emit('vpaddb', lines[h], lines[h], added);
        f.emit('vmovups', at(to, line + ROW_BYTES * strip[h]), lines[h]);
      }
    }
  }
}

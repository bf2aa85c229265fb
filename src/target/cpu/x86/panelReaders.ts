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
  INTEGER_FORMATS,
  LINE_BYTES,
  type Bias,
  type IntegerFormat,
  type IntegerFormatName,
} from '../panels/panelFormats.table.ts';
import { integerPlace, layoutOf, planesOf } from '../panels/panelLayout.ts';

/** Column groups of a block: four columns each. */
export const GROUPS = 8;
const ROW_HALVES = [0, 1] as const;

/** Of the two halves of the rows. */
export type Pair = readonly [Vector, Vector];

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
  /** Parts of a block that have factors of their own, and whether one is a min. */
  readonly parts: 1 | 2;
  readonly hasMin: boolean;
  /** Put constants into registers of one's own. */
  prepare(f: FunctionBuilder): readonly Vector[];
  /** Load the lines of a column group of the block at `block`; `spare` is overwritten. */
  loadGroup(
    f: FunctionBuilder,
    block: General,
    group: number,
    lines: Pair,
    spare: Pair,
    constants: readonly Vector[],
  ): void;
  /** Load the 32 factors of a part as f32; `spare` is overwritten. */
  loadFactors(
    f: FunctionBuilder,
    place: BlockPlace,
    kind: Factor,
    part: number,
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
function storedReader(name: IntegerFormatName, table: Label | undefined): PanelReader {
  const format: IntegerFormat = INTEGER_FORMATS[name];
  const { scaling } = format;
  const layout = layoutOf(format);
  const isApart = layout.unitBlocks > 1;
  const codesAt = layout.codesAt + (isApart ? 0 : layout.headerBytes);
  return {
    unitBlocks: layout.unitBlocks,
    headerBytes: isApart ? layout.headerBytes : 0,
    blockBytes: isApart ? layout.blockBytes : layout.unitBytes,
    bias: table ? 128 : format.bias,
    parts: scaling.parts,
    hasMin: scaling.hasMin,
    prepare(f) {
      const masks = planesOf(format, 0).filter(({ bits }) => bits < 8);
      const bytes = masks.map(({ from, bits }) => everyByte(f, ((1 << bits) - 1) << from));
      return [...bytes, ...(table ? [loadTable(f, table)] : [])];
    },
    loadGroup(f, block, group, lines, spare, constants) {
      for (const [i, { line, shift, from, bits }] of planesOf(format, group).entries()) {
        for (const h of ROW_HALVES) {
          const stored = at(block, codesAt + LINE_BYTES * (line + h));
          const shifted = i === 0 ? lines[h] : spare[h];
          if (bits === 8) f.emit('vmovdqu32', lines[h], stored);
          else selectBits(f, lines[h], shifted, stored, shift - from, constants[i]!, i === 0);
        }
      }
      if (table) for (const line of lines) f.emit('vpshufb', line, constants.at(-1)!, line);
    },
    loadFactors(f, { header, block }, kind, part, to, spare) {
      const line = kind === 'min' ? LINE_BYTES : 0;
      const integers = integerPlace(scaling, kind, part);
      for (const h of ROW_HALVES) {
        f.emit('vcvtph2ps', to[h], at(header, line + 32 * h));
        if (!integers) continue;
        f.emit('vpmovsxbd', spare[h], at(block, integers.at + 16 * h));
        if (integers.nibble === 'low') f.emit('vpslld', spare[h], spare[h], 28);
        if (integers.nibble === 'high') f.emit('vpslld', spare[h], spare[h], 24);
        if (integers.nibble) f.emit('vpsrld', spare[h], spare[h], 28);
        f.emit('vcvtdq2ps', spare[h], spare[h]).emit('vmulps', to[h], to[h], spare[h]);
      }
    },
  };
}

/** Imm8 of a | (b & c). */
const OR_AND = 0xf8;

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
  if (shift !== 0) f.emit(shift > 0 ? 'vpsrld' : 'vpslld', shifted, stored, Math.abs(shift));
  const bits = shift === 0 ? stored : shifted;
  if (isFirst) f.emit('vpandd', line, mask, bits);
  else f.emit('vpternlogd', line, mask, bits, OR_AND);
}

/** Factors of a part in a block of plain lines, before the codes. */
const FACTOR_BYTES = 2 * LINE_BYTES;

/**
 * Reads blocks whose factors are f32, then lines as the products want them: what a stored block is unpacked to. Biases
 * become 128, which activations carry ready for use.
 */
function plainReader({ bias: stored, parts, hasMin }: PanelReader): PanelReader {
  const bias = stored === 0 ? 0 : 128;
  const codesAt = factorKinds({ parts, hasMin }).length * FACTOR_BYTES;
  return {
    ...{ bias, parts, hasMin, unitBlocks: 1, headerBytes: 0 },
    blockBytes: codesAt + 2 * GROUPS * LINE_BYTES,
    prepare: () => [],
    loadGroup(f, block, group, lines) {
      for (const h of ROW_HALVES)
        f.emit('vmovdqu32', lines[h], at(block, codesAt + LINE_BYTES * (2 * group + h)));
    },
    loadFactors(f, { block }, kind, part, to) {
      const index = (hasMin ? 2 : 1) * part + (kind === 'min' ? 1 : 0);
      for (const h of ROW_HALVES)
        f.emit('vmovups', to[h], at(block, FACTOR_BYTES * index + LINE_BYTES * h));
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

/** Tables become constants of the assembler: levels plus 128, so that bytes are unsigned. */
export function panelReaders(assembler: Assembler, name: IntegerFormatName): PanelReaders {
  const { levels }: IntegerFormat = INTEGER_FORMATS[name];
  const table = levels && assembler.constant(Uint8Array.from(levels, (level) => level + 128));
  const stored = storedReader(name, table);
  return { stored, unpacked: plainReader(stored) };
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

/** Unpack blocks to what `unpacked` reads; the registers are moved on. */
export function unpackBlocks(
  f: FunctionBuilder,
  stored: PanelReader,
  unpacked: PanelReader,
  { from, to, blocks }: Readonly<Record<'from' | 'to' | 'blocks', General>>,
  constants: readonly Vector[],
): void {
  const vectors = f.vectors(512, 4) as [Vector, Vector, Vector, Vector];
  const pairs = [vectors.slice(0, 2), vectors.slice(2)] as unknown as readonly [Pair, Pair];
  const more = unpacked.bias - stored.bias;
  const added = more > 0 ? everyByte(f, more) : undefined;
  withPlace(f, stored, from, (place) =>
    f.repeat(blocks, () => {
      startBlock(f, stored, blocks, place);
      unpackBlock(f, stored, place, to, pairs, constants, added);
      f.emit('add', from, stored.blockBytes).emit('add', to, unpacked.blockBytes);
    }),
  );
  f.free(...vectors, ...(added ? [added] : []));
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
  for (const [i, { kind, part }] of factors.entries()) {
    reader.loadFactors(f, place, kind, part, lines, spare);
    for (const h of ROW_HALVES)
      f.emit('vmovups', at(to, FACTOR_BYTES * i + LINE_BYTES * h), lines[h]);
  }
  for (let group = 0; group < GROUPS; group++) {
    reader.loadGroup(f, place.block, group, lines, spare, constants);
    const line = FACTOR_BYTES * factors.length + 2 * LINE_BYTES * group;
    for (const h of ROW_HALVES) {
      if (added) f.emit('vpaddb', lines[h], lines[h], added);
      f.emit('vmovdqu32', at(to, line + LINE_BYTES * h), lines[h]);
    }
  }
}

/** −128·Σa is in memory: −bias·Σa in every lane of both. */
export function loadCorrection(
  f: FunctionBuilder,
  [a, b]: Pair,
  sum: Memory,
  bias: Bias | 1,
): void {
  if (bias === 128) f.emit('vpbroadcastd', a, sum).emit('vpbroadcastd', b, sum);
  else {
    if (bias === 0) f.emit('vpxord', a, a, a);
    else f.emit('vpsrad', a, broadcast(sum), 7 - Math.log2(bias));
    f.emit('vmovdqu32', b, a);
  }
}

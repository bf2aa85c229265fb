/** Stored rows to panels, laid out as panelLayout.ts says. Each bit is kept; nothing grows but by the padding. */
import {
  BLOCK_COLUMNS,
  INTEGER_FORMATS,
  isFloatFormat,
  LINE_BYTES,
  PANEL_ROWS,
  type IntegerFormat,
  type PanelFormatName,
} from './panelFormats.table.ts';
import { integerPlace, layoutOf, planesOf } from './panelLayout.ts';
import { packFloats } from './packFloats.ts';
import { AS_PLANES, READ_BLOCK, StoredBlock } from './storedBlocks.ts';

const GROUPS = 8;
const LINE_WORDS = LINE_BYTES / 4;
const ONES = 0x01010101;

/**
 * Packs `rows` stored rows of `columns` each into panels from the start of `out` on, which holds zeros and starts at a
 * multiple of four bytes. Throws FormatError for a scale that is not finite, UnsupportedError for one of MXFP4 that is
 * no f16, or one of E4M3 that a panel cannot have.
 */
export function packPanels(
  name: PanelFormatName,
  stored: Uint8Array,
  rows: number,
  columns: number,
  out: Uint8Array,
): void {
  if (isFloatFormat(name)) {
    packFloats(name, stored, rows, columns, out);
    return;
  }
  const format: IntegerFormat = INTEGER_FORMATS[name];
  const { unitBlocks, unitBytes } = layoutOf(format);
  const units = columns / BLOCK_COLUMNS / unitBlocks;
  const perUnit = (unitBlocks * BLOCK_COLUMNS) / format.stored.columns;
  const [readBlock, write] = [READ_BLOCK[name], unitWriter(format, out)];
  const makePlanes = AS_PLANES.includes(name) ? () => {} : planeMaker(format);
  const block = new StoredBlock();
  for (let row = 0; row < rows; row++) {
    const [panel, lane] = [Math.floor(row / PANEL_ROWS), row % PANEL_ROWS];
    for (let unit = 0; unit < units; unit++) {
      readBlock(stored, (row * units + unit) * perUnit * format.stored.bytes, block);
      makePlanes(block);
      write(block, (panel * units + unit) * unitBytes, lane);
    }
  }
}

/** Writes a unit of a row, whose unit of 32 rows is at byte `at`. */
type WriteUnit = (block: StoredBlock, at: number, lane: number) => void;

function unitWriter(format: IntegerFormat, out: Uint8Array): WriteUnit {
  const { unitBlocks, headerBytes, codesAt, blockBytes } = layoutOf(format);
  const { hasMin, integers } = format.scaling;
  const lines = new Uint32Array(out.buffer, out.byteOffset, out.byteLength >> 2);
  const words = wordsOf(format);
  return (block, at, lane) => {
    writeHalf(out, at + 2 * lane, block.scale);
    if (hasMin) writeHalf(out, at + LINE_BYTES + 2 * lane, block.min);
    for (let i = 0; i < unitBlocks; i++) {
      const from = at + headerBytes + i * blockBytes;
      if (integers) writeIntegers(format, out, from + lane, block, i);
      const to = (from + codesAt + LINE_BYTES * (lane >> 4) + 4 * (lane & 15)) >> 2;
      for (let j = 0; j < words; j++) {
        lines[to + 2 * LINE_WORDS * j] = block.planeWords[words * i + j]!;
      }
    }
  };
}

function writeHalf(out: Uint8Array, at: number, bits: number): void {
  out[at] = bits & 0xff;
  out[at + 1] = bits >> 8;
}

function writeIntegers(
  { scaling }: IntegerFormat,
  out: Uint8Array,
  at: number,
  { scales, mins }: StoredBlock,
  block: number,
): void {
  for (const kind of ['scale', 'min'] as const) {
    if (kind === 'min' && !scaling.hasMin) continue;
    for (let part = 0; part < scaling.parts; part++) {
      const { at: offset, nibble } = integerPlace(scaling, kind, part)!;
      const integer = (kind === 'min' ? mins : scales)[block * scaling.parts + part]!;
      out[at + offset]! |= integer << (nibble === 'high' ? 4 : 0);
    }
  }
}

/** Words that the row of a block has: one in each second line. */
function wordsOf({ planes }: IntegerFormat): number {
  return planes.reduce((sum, bits) => sum + bits, 0);
}

/** Makes planes of the codes of a unit. */
function planeMaker(format: IntegerFormat): (block: StoredBlock) => void {
  const words = wordsOf(format);
  const places = Array.from({ length: GROUPS }, (_, group) =>
    planesOf(format, group).map(({ line, shift, from, bits }) => {
      return { group, word: line >> 1, shift, from, mask: ONES * ((1 << bits) - 1) };
    }),
  ).flat();
  return ({ words: codes, planeWords }) => {
    planeWords.fill(0);
    for (let block = 0; block < format.scaling.unitBlocks; block++) {
      for (let i = 0; i < places.length; i++) {
        const { group, word, shift, from, mask } = places[i]!;
        const bits = (codes[GROUPS * block + group]! >>> from) & mask;
        planeWords[words * block + word]! |= bits << shift;
      }
    }
  };
}

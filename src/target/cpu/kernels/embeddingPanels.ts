/** Rows of a table in panels, as f32: exactly what is stored. */
import type { FunctionBuilder, Local, ModuleBuilder } from '../../../wasm/index.ts';
import {
  BLOCK_COLUMNS,
  FLOAT_FORMATS,
  isFloatFormat,
  LINE_BYTES,
  PANEL_FORMATS,
  PANEL_ROWS,
  type FloatFormat,
  type IntegerFormat,
  type PanelFormatName,
} from '../panels/panelFormats.table.ts';
import { layoutOf } from '../panels/panelLayout.ts';
import { FloatReader } from './floatTile.ts';
import { KERNELS } from './kernels.table.ts';
import { pushPanelBytes } from './linearPanels.ts';
import { byKind, CodeReader, forFormat, HALF_BYTES, levelsOf, WEIGHTS } from './panelCodes.ts';
import { FactorReader } from './panelScales.ts';
import { ELEMENT_BYTES, pushRow, VECTOR_BYTES } from './vectors.ts';

const GROUP_COLUMNS = 4;
const GROUPS = BLOCK_COLUMNS / GROUP_COLUMNS;
const HALF_ROWS = PANEL_ROWS / 2;

const ROW_PARAMS = { w: 'i32', out: 'i32', blocks: 'i32', lane: 'i32', table: 'v128' } as const;
type Row = Readonly<Record<keyof typeof ROW_PARAMS, Local>>;

/** Adds `embeddingPanels`. */
export function addEmbeddingPanels(
  module: ModuleBuilder,
  formats: readonly PanelFormatName[],
): void {
  const add = (name: string, decode: (f: FunctionBuilder, p: Row) => void) =>
    module.addFunction(`row ${name}`, { params: ROW_PARAMS }, decode);
  const integers = byKind(formats, (format, name) => add(name, (f, p) => decodeRow(f, p, format)));
  const floats = new Map(
    formats.filter(isFloatFormat).map((name) => {
      return [name, add(name, (f, p) => decodeFloats(f, p, FLOAT_FORMATS[name]))];
    }),
  );
  const spec = { params: KERNELS.embeddingPanels, exported: true };
  module.addFunction('embeddingPanels', spec, (f, { tokens, table, out, rows, D, format }) => {
    const [row, token] = [f.local('i32', 'row'), f.local('i32', 'token')];
    const blocks = f.local('i32', 'blocks');
    f.get(D).i32(BLOCK_COLUMNS).emit('i32.div_u').set(blocks);
    f.forLoop(row, 0, rows, 1, () => {
      f.get(tokens).emit('i32.load').set(token);
      forFormat(f, format, formats, (name) => {
        f.get(table).get(token).i32(PANEL_ROWS).emit('i32.div_u');
        pushPanelBytes(f, PANEL_FORMATS[name], blocks).emit('i32.mul').emit('i32.add');
        f.get(out).get(blocks).get(token).i32(PANEL_ROWS).emit('i32.rem_u');
        const isFloat = isFloatFormat(name);
        f.emit('v128.const', isFloat ? new Uint8Array(VECTOR_BYTES) : levelsOf(name));
        f.emit('call', isFloat ? floats.get(name)! : integers(name));
      });
      f.advance(tokens, ELEMENT_BYTES);
      pushRow(f, out, D, ELEMENT_BYTES).set(out);
    });
  });
}

/** Number by number. */
function decodeFloats(
  f: FunctionBuilder,
  { w, out, blocks, lane }: Row,
  format: FloatFormat,
): void {
  const { unitBlocks, headerBytes, blockBytes } = layoutOf(format);
  const columnBytes = blockBytes / BLOCK_COLUMNS;
  const [block, column] = [f.local('i32', 'block'), f.local('i32', 'column')];
  const [header, place] = [f.local('i32', 'header'), f.local('i32', 'place')];
  const scale = f.local('v128', 'scale');
  const reader = new FloatReader(f, format);
  f.forLoop(block, 0, blocks, 1, () => {
    f.get(block).i32(unitBlocks).emit('i32.rem_u').emit('i32.eqz');
    f.if(() => f.get(w).set(header).advance(w, headerBytes));
    if (headerBytes > 0) f.get(header).emit('v128.load32_splat', 0, WEIGHTS).set(scale);
    f.advance(header, ELEMENT_BYTES);
    f.forLoop(column, 0, BLOCK_COLUMNS, 1, () => {
      pushRow(f, w, lane, columnBytes / PANEL_ROWS).set(place);
      f.get(out);
      reader.push(place, 0, scale).emit('v128.store32_lane', 0);
      f.advance(w, columnBytes).advance(out, ELEMENT_BYTES);
    });
  });
}

/** Vectors are of the columns of one row: that of lane 0 of what the kernels of products load. */
function decodeRow(f: FunctionBuilder, p: Row, format: IntegerFormat): void {
  const { w, out, blocks, lane, table } = p;
  const { unitBlocks, headerBytes, codesAt, blockBytes, unitBytes } = layoutOf(format);
  const [unit, block] = [f.local('i32', 'unit'), f.local('i32', 'block')];
  const [header, integers] = [f.local('i32', 'header'), f.local('i32', 'integers')];
  const [lines, inLine] = [f.local('i32', 'lines'), f.local('i32', 'inLine')];
  const [scale, min] = [f.local('v128', 'scale'), f.local('v128', 'min')];
  const [reader, factors] = [new CodeReader(f, format), new FactorReader(f, format)];
  f.get(lane).i32(HALF_ROWS).emit('i32.div_u').i32(LINE_BYTES).emit('i32.mul');
  f.get(lane).i32(HALF_ROWS).emit('i32.rem_u').i32(GROUP_COLUMNS).emit('i32.mul');
  f.emit('i32.add').set(inLine);
  const setFactor = (kind: 'scale' | 'min', part: number, to: Local): void => {
    factors.push(kind, { header, integers }, 0, part);
    f.emit('f32x4.extract_lane', 0).emit('f32x4.splat').set(to);
  };
  const decodeBlock = (): void => {
    for (let group = 0; group < GROUPS; group++) {
      const part = (group * format.scaling.parts) / GROUPS;
      if (Number.isInteger(part)) {
        setFactor('scale', part, scale);
        if (format.scaling.hasMin) setFactor('min', part, min);
      }
      f.get(out);
      if (format.levels) f.get(table);
      reader.push(group, (line) =>
        f.get(lines).emit('v128.load32_zero', codesAt + LINE_BYTES * line, WEIGHTS),
      );
      pushLevels(f, format);
      f.get(scale).emit('f32x4.mul');
      if (format.scaling.hasMin) f.get(min).emit('f32x4.sub');
      f.emit('v128.store', VECTOR_BYTES * group);
    }
    f.advance(out, GROUPS * VECTOR_BYTES)
      .advance(lines, blockBytes)
      .advance(integers, blockBytes);
  };
  f.forLoop(unit, 0, blocks, unitBlocks, () => {
    pushRow(f, w, lane, HALF_BYTES).set(header);
    f.get(w).get(lane).emit('i32.add').i32(headerBytes).emit('i32.add').set(integers);
    f.get(w).get(inLine).emit('i32.add').i32(headerBytes).emit('i32.add').set(lines);
    if (unitBlocks === 1) decodeBlock();
    else f.forLoop(block, 0, unitBlocks, 1, decodeBlock);
    f.advance(w, unitBytes);
  });
}

/** Pops the codes of four columns, after the table where there is one, and pushes f32 levels without bias. */
function pushLevels(f: FunctionBuilder, { levels, bias }: IntegerFormat): void {
  if (levels) {
    f.emit('i8x16.swizzle').emit('i16x8.extend_low_i8x16_s').emit('i32x4.extend_low_i16x8_s');
  } else {
    f.emit('i16x8.extend_low_i8x16_u').emit('i32x4.extend_low_i16x8_u');
    f.i32(bias).emit('i32x4.splat').emit('i32x4.sub');
  }
  f.emit('f32x4.convert_i32x4_s');
}

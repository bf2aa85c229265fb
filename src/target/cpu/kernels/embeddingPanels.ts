/** Rows of a table in panels, as f32: exactly what is stored. */
import { type FunctionBuilder, type Local, type ModuleBuilder } from '../../../wasm/index.ts';
import {
  BLOCK_COLUMNS,
  LINE_BYTES,
  PANEL_FORMATS,
  PANEL_ROWS,
  type PanelFormat,
} from '../panels/panelFormats.table.ts';
import { layoutOf } from '../panels/panelLayout.ts';
import { KERNELS } from './kernels.table.ts';
import { pushPanelBytes } from './linearPanels.ts';
import { byKind, CodeReader, forFormat, HALF_BYTES, levelsOf } from './panelCodes.ts';
import { pushFactor } from './panelScales.ts';
import { ELEMENT_BYTES, pushRow, VECTOR_BYTES } from './vectors.ts';

const GROUP_COLUMNS = 4;
const GROUPS = BLOCK_COLUMNS / GROUP_COLUMNS;
const HALF_ROWS = PANEL_ROWS / 2;

const ROW_PARAMS = { w: 'i32', out: 'i32', blocks: 'i32', lane: 'i32', table: 'v128' } as const;
type Row = Readonly<Record<keyof typeof ROW_PARAMS, Local>>;

/** Adds `embeddingPanels`. */
export function addEmbeddingPanels(module: ModuleBuilder): void {
  const rowOf = byKind((format, name) =>
    module.addFunction(`row ${name}`, { params: ROW_PARAMS }, (f, p) => decodeRow(f, p, format)),
  );
  const spec = { params: KERNELS.embeddingPanels, exported: true };
  module.addFunction('embeddingPanels', spec, (f, { tokens, table, out, rows, D, format }) => {
    const [row, token] = [f.local('i32', 'row'), f.local('i32', 'token')];
    const blocks = f.local('i32', 'blocks');
    f.get(D).i32(BLOCK_COLUMNS).emit('i32.div_u').set(blocks);
    f.forLoop(row, 0, rows, 1, () => {
      f.get(tokens).emit('i32.load').set(token);
      forFormat(f, format, (name) => {
        f.get(table).get(token).i32(PANEL_ROWS).emit('i32.div_u');
        pushPanelBytes(f, PANEL_FORMATS[name], blocks).emit('i32.mul').emit('i32.add');
        f.get(out).get(blocks).get(token).i32(PANEL_ROWS).emit('i32.rem_u');
        f.emit('v128.const', levelsOf(name)).emit('call', rowOf(name));
      });
      f.advance(tokens, ELEMENT_BYTES);
      pushRow(f, out, D, ELEMENT_BYTES).set(out);
    });
  });
}

/** Vectors are of the columns of one row: that of lane 0 of what the kernels of products load. */
function decodeRow(f: FunctionBuilder, p: Row, format: PanelFormat): void {
  const { w, out, blocks, lane, table } = p;
  const { unitBlocks, headerBytes, codesAt, blockBytes, unitBytes } = layoutOf(format);
  const [unit, block] = [f.local('i32', 'unit'), f.local('i32', 'block')];
  const [header, integers] = [f.local('i32', 'header'), f.local('i32', 'integers')];
  const [lines, inLine] = [f.local('i32', 'lines'), f.local('i32', 'inLine')];
  const [scale, min] = [f.local('v128', 'scale'), f.local('v128', 'min')];
  const reader = new CodeReader(f, format);
  f.get(lane).i32(HALF_ROWS).emit('i32.div_u').i32(LINE_BYTES).emit('i32.mul');
  f.get(lane).i32(HALF_ROWS).emit('i32.rem_u').i32(GROUP_COLUMNS).emit('i32.mul');
  f.emit('i32.add').set(inLine);
  const setFactor = (kind: 'scale' | 'min', part: number, to: Local): void => {
    pushFactor(f, format, kind, { header, integers }, 0, part);
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
        f.get(lines).emit('v128.load32_zero', codesAt + LINE_BYTES * line),
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
function pushLevels(f: FunctionBuilder, { levels, bias }: PanelFormat): void {
  if (levels) {
    f.emit('i8x16.swizzle').emit('i16x8.extend_low_i8x16_s').emit('i32x4.extend_low_i16x8_s');
  } else {
    f.emit('i16x8.extend_low_i8x16_u').emit('i32x4.extend_low_i16x8_u');
    f.i32(bias).emit('i32x4.splat').emit('i32x4.sub');
  }
  f.emit('f32x4.convert_i32x4_s');
}

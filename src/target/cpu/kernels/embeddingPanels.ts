/** Rows of a table in panels, as f32: exactly what is stored. */
import { type FunctionBuilder, type Local, type ModuleBuilder } from '../../../wasm/index.ts';
import {
  BLOCK_COLUMNS,
  LINE_BYTES,
  PANEL_ROWS,
  type PanelFormat,
} from '../panels/panelFormats.table.ts';
import { KERNELS } from './kernels.table.ts';
import {
  byKind,
  convertHalves,
  forFormat,
  HALF_BYTES,
  levelsOf,
  NIBBLE,
  type PanelKind,
} from './panelCodes.ts';
import { ELEMENT_BYTES, pushProduct, pushRow, VECTOR_BYTES } from './vectors.ts';

const GROUP_COLUMNS = 4;
const GROUPS = BLOCK_COLUMNS / GROUP_COLUMNS;
const HALF_ROWS = PANEL_ROWS / 2;

const ROW_PARAMS = { w: 'i32', out: 'i32', blocks: 'i32', lane: 'i32', table: 'v128' } as const;
type Row = Readonly<Record<keyof typeof ROW_PARAMS, Local>>;

/** Adds `embeddingPanels`. */
export function addEmbeddingPanels(module: ModuleBuilder): void {
  const rowOf = byKind((kind, format) => {
    const decode = module.addFunction(`row ${kind}`, { params: ROW_PARAMS }, (f, p) =>
      decodeRow(f, p, kind, format),
    );
    return { decode, blockBytes: format.blockBytes };
  });
  const spec = { params: KERNELS.embeddingPanels, exported: true };
  module.addFunction('embeddingPanels', spec, (f, { tokens, table, out, rows, D, format }) => {
    const [row, token] = [f.local('i32', 'row'), f.local('i32', 'token')];
    const blocks = f.local('i32', 'blocks');
    f.get(D).i32(BLOCK_COLUMNS).emit('i32.div_u').set(blocks);
    f.forLoop(row, 0, rows, 1, () => {
      f.get(tokens).emit('i32.load').set(token);
      forFormat(f, format, (name) => {
        const { decode, blockBytes } = rowOf(name);
        f.get(table).get(token).i32(PANEL_ROWS).emit('i32.div_u');
        pushProduct(f, blocks, blockBytes).emit('i32.mul').emit('i32.add');
        f.get(out).get(blocks).get(token).i32(PANEL_ROWS).emit('i32.rem_u');
        f.emit('v128.const', levelsOf(name)).emit('call', decode);
      });
      f.advance(tokens, ELEMENT_BYTES);
      pushRow(f, out, D, ELEMENT_BYTES).set(out);
    });
  });
}

function decodeRow(f: FunctionBuilder, p: Row, kind: PanelKind, format: PanelFormat): void {
  const { w, out, blocks, lane, table } = p;
  const [block, lines] = [f.local('i32', 'block'), f.local('i32', 'lines')];
  const scale = f.local('v128', 'scale');
  f.forLoop(block, 0, blocks, 1, () => {
    pushRow(f, w, lane, HALF_BYTES).emit('i32.load16_u').emit('i32x4.splat');
    convertHalves(f).set(scale);
    f.get(w).get(lane).i32(HALF_ROWS).emit('i32.div_u').i32(LINE_BYTES).emit('i32.mul');
    f.emit('i32.add').get(lane).i32(HALF_ROWS).emit('i32.rem_u').i32(GROUP_COLUMNS);
    f.emit('i32.mul').emit('i32.add').set(lines);
    for (let group = 0; group < GROUPS; group++) {
      f.get(out);
      pushLevels(f, { lines, table, group, kind });
      f.i32(format.bias).emit('i32x4.splat').emit('i32x4.sub').emit('f32x4.convert_i32x4_s');
      f.get(scale)
        .emit('f32x4.mul')
        .emit('v128.store', VECTOR_BYTES * group);
    }
    f.advance(out, GROUPS * VECTOR_BYTES).advance(w, format.blockBytes);
  });
}

interface Group {
  readonly lines: Local;
  readonly table: Local;
  readonly group: number;
  readonly kind: PanelKind;
}

/** Pushes the levels of four columns, with their bias, as i32. */
function pushLevels(f: FunctionBuilder, { lines, table, group, kind }: Group): void {
  const stored = kind === 'bytes' ? group : group % (GROUPS / 2);
  if (kind === 'levels') f.get(table);
  f.get(lines).emit('v128.load32_zero', LINE_BYTES * (1 + 2 * stored));
  if (kind !== 'bytes') {
    f.i32(stored === group ? 0 : 4).emit('i8x16.shr_u');
    f.emit('v128.const', new Uint8Array(VECTOR_BYTES).fill(NIBBLE)).emit('v128.and');
  }
  if (kind === 'levels') {
    f.emit('i8x16.swizzle').emit('i16x8.extend_low_i8x16_s').emit('i32x4.extend_low_i16x8_s');
  } else f.emit('i16x8.extend_low_i8x16_u').emit('i32x4.extend_low_i16x8_u');
}

/**
 * How weights are kept on a device: in panels as wide as they are stored, where products and look-ups of rows alone
 * read them, else in f32.
 */
import { CeladonError } from '../../base/index.ts';
import {
  countElements,
  topologicalOrder,
  type Graph,
  type Op,
  type WeightSource,
} from '../../ir/index.ts';
import { ELEMENT_BYTES } from './kernels/vectors.ts';
import type { FileSlice } from './loading/slices.ts';
import type { Packer } from './panels/packer.ts';
import { packPanels } from './panels/packPanels.ts';
import {
  isFloatFormat,
  isPanelFormat,
  PANEL_ROWS,
  type PanelFormatName,
} from './panels/panelFormats.table.ts';
import { panelBytes, unitColumns } from './panels/panelLayout.ts';
import { isWordFormat } from './panels/packWords.ts';

/** The formats of the weights that are kept in panels; all others are kept in f32. */
export type WeightStorage = ReadonlyMap<string, PanelFormatName>;

/** The inputs of ops whose kernels read panels. */
const PANEL_INPUTS: Partial<Record<Op, readonly number[]>> = {
  linear: [1],
  headLinear: [1],
  embedding: [1],
  experts: [2, 3, 4],
};

/** Bytes read from a file at once: they stay in the cache of a core until they are packed. */
const SLICE_BYTES = 2 ** 19;

/** How the weights of a graph are kept; `activations` that are f32 are not multiplied with integers. */
export function storageOf(graph: Graph, activations: 'int8' | 'f32' = 'int8'): WeightStorage {
  const storage = new Map<string, PanelFormatName>();
  for (const source of graph.weights.values()) {
    const format = panelFormatOf(source);
    if (format === undefined || (activations === 'f32' && !isFloatFormat(format))) continue;
    storage.set(source.name, format);
  }
  for (const { op, inputs } of topologicalOrder(graph)) {
    for (const [i, input] of inputs.entries()) {
      if (input.op !== 'weight' || PANEL_INPUTS[op]?.includes(i)) continue;
      storage.delete(input.attrs.name);
    }
  }
  return storage;
}

/** The format of a weight whose rows are whole units of panels. */
function panelFormatOf({ shape, stored }: WeightSource): PanelFormatName | undefined {
  if (stored === undefined || !isPanelFormat(stored.format)) return undefined;
  return shape.at(-1)! % unitColumns(stored.format) === 0 ? stored.format : undefined;
}

/** Bytes of a weight on the device. */
export function weightBytes({ shape }: WeightSource, format: PanelFormatName | undefined): number {
  if (format === undefined) return countElements(shape) * ELEMENT_BYTES;
  const { matrices, rows, columns } = matricesOf(shape);
  return matrices * panelBytes(format, rows, columns);
}

/** Some rows of a weight that become panels. */
export interface WeightSlice {
  readonly source: WeightSource;
  readonly format: PanelFormatName;
  readonly firstRow: number;
  readonly rows: number;
  readonly columns: number;
  /** The number of the memory, and the address there. */
  readonly memory: number;
  readonly address: number;
}

/** A weight in pieces, whose panels start at an address of a memory. */
export function slicesOf(
  source: WeightSource,
  format: PanelFormatName,
  memory: number,
  address: number,
): WeightSlice[] {
  const { matrices, rows, columns } = matricesOf(source.shape);
  const matrixBytes = panelBytes(format, rows, columns);
  const perSlice = Math.floor(SLICE_BYTES / (PANEL_ROWS * source.stored!.rowBytes));
  const step = Math.max(1, perSlice) * PANEL_ROWS;
  const slices: WeightSlice[] = [];
  for (let matrix = 0; matrix < matrices; matrix++) {
    for (let row = 0; row < rows; row += step) {
      const at = address + matrix * matrixBytes + panelBytes(format, row, columns);
      const place = { memory, address: at, firstRow: matrix * rows + row };
      slices.push({ source, format, rows: Math.min(step, rows - row), columns, ...place });
    }
  }
  return slices;
}

/** A slice for threads that know no weights; undefined unless it is whole panels of words in a file. */
export function fileSliceOf(slice: WeightSlice): FileSlice | undefined {
  const { source, format, firstRow, rows, memory, address } = slice;
  const { file, rowBytes } = source.stored!;
  if (file === undefined || !isWordFormat(format) || rows % PANEL_ROWS !== 0) return undefined;
  const bytes = rows * rowBytes;
  const place = { descriptor: file.descriptor, offset: file.offset + firstRow * rowBytes, bytes };
  return { format, rowBytes, panels: rows / PANEL_ROWS, memory, address, ...place };
}

/** Packs a slice, where there are zeros. Throws what reading and packing throw, naming the weight. */
export function packWeightSlice(slice: WeightSlice, packer: Packer): void {
  const { source, format, firstRow, rows, columns, address } = slice;
  const { rowBytes, readBytes } = source.stored!;
  const bytes = readBytes(firstRow, rows, packer.room(rows * rowBytes));
  named(source.name, () => packer.pack(format, bytes, rows, columns, address));
}

/** Whether panels start with the first rows of the weight. */
export function isAsStored(
  source: WeightSource,
  format: PanelFormatName,
  panels: Uint8Array,
): boolean {
  const { rows, columns } = matricesOf(source.shape);
  const count = Math.min(rows, PANEL_ROWS);
  const expected = new Uint8Array(panelBytes(format, count, columns));
  packPanels(format, source.stored!.readBytes(0, count), count, columns, expected);
  return expected.every((byte, i) => byte === panels[i]);
}

/** Runs `pack`; its errors say of which weight they are. */
function named(name: string, pack: () => void): void {
  try {
    pack();
  } catch (error) {
    if (!(error instanceof CeladonError)) throw error;
    const Kind = error.constructor as typeof CeladonError;
    throw new Kind(error.message, {
      where: `weight ${name}`,
      ...(error.hint !== undefined && { hint: error.hint }),
    });
  }
}

/** A weight (…, rows, columns) as matrices. */
function matricesOf(shape: readonly number[]): Record<'matrices' | 'rows' | 'columns', number> {
  const [rows, columns] = shape.slice(-2) as [number, number];
  return { matrices: countElements(shape.slice(0, -2)), rows, columns };
}

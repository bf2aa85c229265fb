/**
 * Kernels of machine code in the place of those of WebAssembly, on the same memory and with the same arguments.
 * A call of a shape that has no machine code goes to WebAssembly.
 */
import { CeladonError } from '../../../base/index.ts';
import { mayBePanels, type Bind } from '../kernels/bind.ts';
import { KERNELS, type KernelName } from '../kernels/kernels.table.ts';
import { ACTIVATION_BLOCK, activationBytes } from '../kernels/quantizeRows.ts';
import { BLOCK_COLUMNS, PANEL_FORMATS, PANEL_FORMAT_NAMES } from '../panels/panelFormats.table.ts';
import { panelBytes, unitColumns } from '../panels/panelLayout.ts';
import { bindAttention } from './bindAttention.ts';
import { ACTIVATION, SWIGLU, VECTOR_BYTES } from './elementwise.ts';
import { bindGroupedLinear, bindGroupedLinearPanels } from './bindGrouped.ts';
import { groupedName } from './grouped.ts';
import { bindConvolution, bindGatedDelta } from './bindRecurrences.ts';
import { bindAdd, bindAppend, bindArgMax, bindRmsNormalization } from './bindRows.ts';
import { LINEAR } from './linear.ts';
import { LINEAR_PANELS, linearPanelsName } from './linearPanels.ts';
import type { Machine } from './machine.ts';
import {
  bitsOf,
  ELEMENT_BYTES,
  type Args,
  type NativeBind,
  type NativeCalls,
} from './nativeBind.ts';
import { QUANTIZE_ROWS } from './quantizeRows.ts';
import { ROTARY } from './rotary.ts';

const NATIVE: { readonly [K in KernelName]?: NativeBind<K> } = {
  linear: bindLinear,
  append: bindAppend,
  attention: bindAttention,
  quantizeRows: bindQuantizeRows,
  linearPanels: bindLinearPanels,
  groupedLinear: bindGroupedLinear,
  groupedLinearPanels: bindGroupedLinearPanels,
  rotaryEmbedding: bindRotary,
  swiglu: bindSwiglu,
  add: bindAdd,
  rmsNormalization: bindRmsNormalization,
  argMax: bindArgMax,
  gatedDelta: bindGatedDelta,
  causalConvolution: bindConvolution,
  silu: bindActivation('silu'),
  sigmoid: bindActivation('sigmoid'),
};

/** Names of the functions of kernels that are not called as these are. */
const FUNCTION_NAMES: { readonly [K in KernelName]?: string } = {
  groupedLinear: groupedName('linear'),
  groupedLinearPanels: groupedName('linearPanels'),
};

/** Whether a kernel is among the functions, itself or for a format of panels. */
function hasFunction(functions: ReadonlyMap<string, number>, kernel: KernelName): boolean {
  const name = FUNCTION_NAMES[kernel] ?? kernel;
  return functions.has(name) || functions.keys().some((key) => key.startsWith(`${name}.`));
}

/** `bind` on the memories of `machine`, with machine code for the calls that have it. */
export function withMachineCode(bind: Bind, machine: Machine): Bind {
  const names = Object.keys(NATIVE) as KernelName[];
  const known = new Set(names.filter((kernel) => hasFunction(machine.functions, kernel)));
  return (kernel, values) => {
    if (!known.has(kernel)) return bind(kernel, values);
    const native = NATIVE[kernel] as NativeBind<KernelName>;
    const args = namedArgs(kernel, values);
    let calls = native(machine, args);
    if (calls === undefined) return bind(kernel, values);
    let { base } = machine;
    return {
      ...{ kernel, args: values },
      run() {
        if (machine.base !== base) [calls, base] = [native(machine, args), machine.base];
        machine.run(calls!);
      },
      native: () => calls!,
    };
  };
}

/** Sizes and addresses have 32 bits, but for those of panels in further memories. */
function mostOf(kernel: KernelName, name: string): number {
  return mayBePanels(kernel, name) ? 2 ** 52 : 2 ** 32;
}

/** Throws CeladonError for a size or an address that is no whole number of 32 bits. */
function namedArgs(kernel: KernelName, values: readonly number[]): Args<KernelName> {
  const types: Readonly<Record<string, string>> = KERNELS[kernel];
  const args: Record<string, number> = {};
  let i = 0;
  for (const name in types) {
    const value = values[i++]!;
    const isWhole = Number.isInteger(value) && value >= 0 && value < mostOf(kernel, name);
    if (types[name] === 'i32' && !isWhole) {
      throw new CeladonError(
        `${name} of ${kernel} must be a whole number of 32 bits, not ${value}`,
      );
    }
    args[name] = value;
  }
  return args as Args<KernelName>;
}

function bindLinear(machine: Machine, args: Args<'linear'>): NativeCalls {
  const { M, N, K } = args;
  if (!(M > 0 && N > 0 && K > 0)) return undefined;
  const rows = (offset: number, count: number, stride: number, width: number): number =>
    machine.address(offset, count, stride * ELEMENT_BYTES, width * ELEMENT_BYTES);
  return [
    machine.prepare('linear', LINEAR, {
      x: rows(args.x, M, args.xStride, K),
      xStride: args.xStride * ELEMENT_BYTES,
      w: rows(args.w, N, args.wStride, K),
      wStride: args.wStride * ELEMENT_BYTES,
      out: rows(args.out, M, args.outStride, N),
      outStride: args.outStride * ELEMENT_BYTES,
      ...{ M, N, K },
    }),
  ];
}

function bindSwiglu(machine: Machine, args: Args<'swiglu'>): NativeCalls {
  if (args.size === 0) return undefined;
  const vectors = Math.ceil((args.size * ELEMENT_BYTES) / VECTOR_BYTES);
  const place = (offset: number): number => machine.address(offset, 1, 0, vectors * VECTOR_BYTES);
  const [gate, up, out] = [place(args.gate), place(args.up), place(args.out)];
  return [
    machine.prepare('swiglu', SWIGLU, {
      ...{ gate, up, out, vectors },
      limit: bitsOf(args.limit),
    }),
  ];
}

/** Halves of heads in whole vectors; other pairs run in WebAssembly. */
function bindRotary(machine: Machine, args: Args<'rotaryEmbedding'>): NativeCalls {
  const { rows, H, pairs, step, distance } = args;
  const halfBytes = pairs * ELEMENT_BYTES;
  if (rows * H * pairs === 0 || step !== 1 || distance !== pairs || halfBytes % VECTOR_BYTES !== 0)
    return undefined;
  const bytes = 2 * H * halfBytes;
  return [
    machine.prepare('rotaryEmbedding', ROTARY, {
      x: machine.address(args.x, rows, bytes, bytes),
      cos: machine.address(args.cos, rows, halfBytes, halfBytes),
      sin: machine.address(args.sin, rows, halfBytes, halfBytes),
      out: machine.address(args.out, rows, bytes, bytes),
      ...{ rows, heads: H, vectors: halfBytes / VECTOR_BYTES, halfBytes },
    }),
  ];
}

function bindActivation<K extends 'silu' | 'sigmoid'>(name: K): NativeBind<K> {
  return (machine, args) => {
    if (args.size === 0) return undefined;
    const vectors = Math.ceil((args.size * ELEMENT_BYTES) / VECTOR_BYTES);
    const [x, out] = [args.x, args.out].map((offset) =>
      machine.address(offset, 1, 0, vectors * VECTOR_BYTES),
    ) as [number, number];
    return [machine.prepare(name, ACTIVATION, { x, out, vectors })];
  };
}

function bindQuantizeRows(machine: Machine, args: Args<'quantizeRows'>): NativeCalls {
  const { rows, K, xStride } = args;
  if (rows === 0 || K === 0 || K % BLOCK_COLUMNS !== 0) return undefined;
  const blocks = K / BLOCK_COLUMNS;
  const outBytes = blocks * ACTIVATION_BLOCK.bytes;
  return [
    machine.prepare('quantizeRows', QUANTIZE_ROWS, {
      x: machine.address(args.x, rows, xStride * ELEMENT_BYTES, K * ELEMENT_BYTES),
      xStride: xStride * ELEMENT_BYTES,
      out: machine.address(args.out, rows, outBytes, outBytes),
      ...{ rows, blocks },
    }),
  ];
}

function bindLinearPanels(machine: Machine, args: Args<'linearPanels'>): NativeCalls {
  const { M, N, K } = args;
  const format = PANEL_FORMAT_NAMES.find((name) => PANEL_FORMATS[name].code === args.format);
  if (!format || M === 0 || N === 0 || K === 0 || K % unitColumns(format) !== 0) return undefined;
  const xStride = args.xStride * ELEMENT_BYTES;
  const xBytes = (K / BLOCK_COLUMNS) * activationBytes(PANEL_FORMATS[format]);
  const outStride = args.outStride * ELEMENT_BYTES;
  return [
    machine.prepare(linearPanelsName(format), LINEAR_PANELS, {
      x: machine.address(args.x, M, xStride, xBytes),
      w: machine.address(args.w, 1, 0, panelBytes(format, N, K)),
      out: machine.address(args.out, M, outStride, N * ELEMENT_BYTES),
      ...{ xStride, outStride, M, N, blocks: K / BLOCK_COLUMNS },
    }),
  ];
}

/** Calls of products of groups. */
import { activationBytes } from '../kernels/quantizeRows.ts';
import { BLOCK_COLUMNS, PANEL_FORMAT_NAMES, PANEL_FORMATS } from '../panels/panelFormats.table.ts';
import { panelBytes, unitColumns } from '../panels/panelLayout.ts';
import { groupedArguments, groupedName } from './grouped.ts';
import { LINEAR } from './linear.ts';
import { LINEAR_PANELS, linearPanelsName } from './linearPanels.ts';
import type { Machine } from './machine.ts';
import { ELEMENT_BYTES, type Args, type NativeCalls } from './nativeBind.ts';

const GROUPED_LINEAR = groupedArguments(LINEAR);
const GROUPED_LINEAR_PANELS = groupedArguments(LINEAR_PANELS);

/** The cells of any product of groups, of matrices of so many bytes each. */
function groupedCells(
  machine: Machine,
  args: Args<'groupedLinear'> | Args<'groupedLinearPanels'>,
  {
    xStride,
    xBytes,
    partBytes,
  }: { readonly xStride: number; readonly xBytes: number; readonly partBytes: number },
) {
  const { rows, E, N, matrixBytes } = args;
  const outStride = args.outStride * ELEMENT_BYTES;
  return {
    ...{ x: machine.address(args.x, rows, xStride, xBytes), xStride },
    w: machine.address(args.w, E, matrixBytes, partBytes),
    ...{ out: machine.address(args.out, rows, outStride, N * ELEMENT_BYTES), outStride },
    starts: machine.address(args.starts, E + 1, ELEMENT_BYTES, ELEMENT_BYTES),
    ...{ M: rows, N, groups: E, matrixBytes },
  };
}

export function bindGroupedLinear(machine: Machine, args: Args<'groupedLinear'>): NativeCalls {
  const { rows, E, N, K } = args;
  if (rows === 0 || E === 0 || N === 0 || K === 0) return undefined;
  const xStride = K * ELEMENT_BYTES;
  const cells = groupedCells(machine, args, { xStride, xBytes: xStride, partBytes: N * xStride });
  const given = { ...cells, wStride: xStride, K };
  return [machine.prepare(groupedName('linear'), GROUPED_LINEAR, given)];
}

export function bindGroupedLinearPanels(
  machine: Machine,
  args: Args<'groupedLinearPanels'>,
): NativeCalls {
  const { rows, E, N, K } = args;
  const format = PANEL_FORMAT_NAMES.find((name) => PANEL_FORMATS[name].code === args.format);
  if (!format || rows === 0 || E === 0 || N === 0 || K === 0) return undefined;
  if (K % unitColumns(format) !== 0) return undefined;
  const blocks = K / BLOCK_COLUMNS;
  const cells = groupedCells(machine, args, {
    xStride: args.xStride * ELEMENT_BYTES,
    xBytes: blocks * activationBytes(PANEL_FORMATS[format]),
    partBytes: panelBytes(format, N, K),
  });
  const name = groupedName(linearPanelsName(format));
  return [machine.prepare(name, GROUPED_LINEAR_PANELS, { ...cells, blocks })];
}

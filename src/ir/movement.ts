/** Interpreter rules of the ops that move data and compute nothing; they keep every dtype, MX included. */
import type { SomeRules } from './evaluation.ts';
import {
  allocateValue,
  copyElements,
  f32Of,
  f32Value,
  i32Of,
  reshape,
  rowCount,
  type Value,
} from './value.ts';

type MovementOp =
  | 'splitHeads'
  | 'mergeHeads'
  | 'repeatHeads'
  | 'slice'
  | 'concat'
  | 'transpose'
  | 'lastToken'
  | 'append';

export const MOVEMENT_RULES: SomeRules<MovementOp> = {
  splitHeads: ({ attrs: { heads } }, [x]) => {
    const [B, T, width] = x!.shape as [number, number, number];
    return reshape(x!, [B, T, heads, width / heads]);
  },
  mergeHeads: (_, [x]) => {
    const [B, T, H, K] = x!.shape as [number, number, number, number];
    return reshape(x!, [B, T, H * K]);
  },
  repeatHeads: ({ attrs: { heads } }, [x]) => repeatHeads(x!, heads),
  slice: ({ attrs: { start, size } }, [x]) => slice(x!, start, size),
  concat: (_, parts) => concat(parts),
  transpose: (_, [x]) => transpose(x!),
  lastToken: (_, [x]) => lastToken(x!),
  append: ({ attrs: { tokensPerRow = 1 } }, [state, rows, position]) =>
    tokensPerRow === 1
      ? append(state!, rows!, position!)
      : appendEntries(state!, rows!, position!, tokensPerRow),
};

function repeatHeads(x: Value, heads: number): Value {
  const [B, T, , K] = x.shape as [number, number, number, number];
  const out = allocateValue(x.dtype, [B, T, heads, K]);
  for (let row = 0; row < B * T * heads; row++) {
    copyElements(x, Math.floor(row / heads) * K, out, row * K, K);
  }
  return out;
}

function slice(x: Value, start: number, size: number): Value {
  const width = x.shape.at(-1)!;
  const out = allocateValue(x.dtype, [...x.shape.slice(0, -1), size]);
  for (let row = 0; row < rowCount(x); row++) {
    copyElements(x, row * width + start, out, row * size, size);
  }
  return out;
}

function concat(parts: readonly Value[]): Value {
  const widths = parts.map(({ shape }) => shape.at(-1)!);
  const total = widths.reduce((sum, width) => sum + width, 0);
  const [first] = parts as [Value];
  const out = allocateValue(first.dtype, [...first.shape.slice(0, -1), total]);
  for (let row = 0; row < rowCount(first); row++) {
    let at = row * total;
    for (const [i, width] of widths.entries()) {
      copyElements(parts[i]!, row * width, out, at, width);
      at += width;
    }
  }
  return out;
}

function transpose(x: Value): Value {
  const [rows, columns] = x.shape.slice(-2) as [number, number];
  const data = f32Of(x);
  const out = new Float32Array(data.length);
  for (let i = 0; i < data.length; i++) {
    const [row, column] = [Math.floor(i / columns) % rows, i % columns];
    out[i - row * columns - column + column * rows + row] = data[i]!;
  }
  return f32Value([...x.shape.slice(0, -2), columns, rows], out);
}

function lastToken(x: Value): Value {
  const [B, T, ...rest] = x.shape as [number, number, ...number[]];
  const out = allocateValue(x.dtype, [B, 1, ...rest]);
  const size = rest.reduce((product, extent) => product * extent, 1);
  for (let b = 0; b < B; b++) copyElements(x, (b * T + T - 1) * size, out, b * size, size);
  return out;
}

/** Writes the rows of sequence b at its position, in place. */
function append(state: Value, rows: Value, position: Value): Value {
  const [B, T, G, K] = rows.shape as [number, number, number, number];
  const capacity = state.shape[1]!;
  const size = G * K;
  for (const [b, start] of i32Of(position).subarray(0, B).entries()) {
    copyElements(rows, b * T * size, state, (b * capacity + start) * size, T * size);
  }
  return state;
}

/** Writes the rows of the tokens that end an entry, each at the place of the entry. */
function appendEntries(state: Value, rows: Value, position: Value, tokensPerRow: number): Value {
  const [B, T, G, K] = rows.shape as [number, number, number, number];
  const capacity = state.shape[1]!;
  const size = G * K;
  for (const [b, start] of i32Of(position).subarray(0, B).entries()) {
    for (let t = 0; t < T; t++) {
      const entries = (start + t + 1) / tokensPerRow;
      if (!Number.isInteger(entries)) continue;
      copyElements(rows, (b * T + t) * size, state, (b * capacity + entries - 1) * size, size);
    }
  }
  return state;
}

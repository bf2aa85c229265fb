/** Tensors of a GGUF file as weights. */
import { UnsupportedError } from '../../../base/index.ts';
import type { StoredFormat, StoredRows } from '../../../ir/index.ts';
import { elementCount } from '../safetensors.ts';
import type { StoredTensor } from '../safetensors.ts';
import { filePlace, placeOf } from '../weight.ts';
import type { Weight } from '../weight.ts';
import { ggmlTypeOf, READABLE_TYPES } from './ggmlTypes.table.ts';

/**
 * The values of a tensor from element `first` of its row-major order on, in the shape given; `first` and
 * the rows of the shape are whole blocks. Throws UnsupportedError for a type that is not read.
 */
export function ggufWeight(
  tensor: StoredTensor<string>,
  shape: readonly number[] = tensor.shape,
  first = 0,
): Weight {
  const { decode, elements, bytes } = ggmlTypeOf(tensor.dtype);
  if (decode === undefined) throw unreadable(tensor);
  const width = shape.length > 1 ? elementCount(shape.slice(1)) : 1;
  if (width % elements !== 0) throw unreadable(tensor);
  const blocksPerRow = width / elements;
  const start = tensor.offset + (first / elements) * bytes;
  return {
    shape,
    stored: [tensor],
    rowBytes: blocksPerRow * bytes,
    decodeRows: (row, out) => {
      const blocks = out.length / elements;
      const stored = tensor.source.read(start + row * blocksPerRow * bytes, blocks * bytes);
      decode(stored, out);
    },
    rows: shape.length > 1 ? rowsAt(tensor, shape.at(-1)!, start) : undefined,
  };
}

/** Rows of `width` elements from byte `start` of the file on. */
function rowsAt(
  { source, dtype }: StoredTensor<string>,
  width: number,
  start: number,
): StoredRows | undefined {
  const { elements, bytes } = ggmlTypeOf(dtype);
  const rowBytes = (width / elements) * bytes;
  if (!Number.isInteger(rowBytes)) return undefined;
  return {
    format: dtype as StoredFormat,
    rowBytes,
    file: filePlace(source, start),
    readBytes: (row, count, room) => source.read(start + row * rowBytes, count * rowBytes, room),
  };
}

function unreadable(tensor: StoredTensor<string>): UnsupportedError {
  const vector = tensor.shape.length < 2;
  return new UnsupportedError(
    vector
      ? `vectors must be stored as F32, F16 or BF16, not ${tensor.dtype}`
      : `weights must be stored as one of ${READABLE_TYPES.join(', ')}, not ${tensor.dtype}`,
    {
      where: placeOf(tensor),
      hint: 'use a file with another quantisation, such as Q8_0 or Q4_K_M',
    },
  );
}

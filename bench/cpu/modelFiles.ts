/** The files that the cpu is measured on. */
import fs from 'node:fs';
import path from 'node:path';
import { writeRandomGguf, type MatrixType } from '../gguf/randomGguf.ts';
import { FOLDER } from './llamaCpp.ts';
import { SHAPES, type ShapeName } from '../gguf/shapes.table.ts';

/** The file of a shape, written if there is none. */
export function modelFile({
  model,
  format,
}: {
  readonly model: ShapeName;
  readonly format: MatrixType;
}): string {
  const file = path.join(FOLDER, `${model}-${format}.gguf`);
  if (!fs.existsSync(file)) {
    writeRandomGguf(SHAPES[model], format, `${file}.part`);
    fs.renameSync(`${file}.part`, file);
  }
  return file;
}

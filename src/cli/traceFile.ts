/** Writes a trace where --trace says. */
import { chromeTrace, type Trace } from '../trace/index.ts';
import type { NewFile } from './newFile.ts';
import type { Output } from './output.ts';

/** Pieces of a trace are short; this many characters are written at once. */
const CHUNK_LENGTH = 1 << 16;

/** Write `trace` in the Chrome trace format and finish the file. */
export function writeTrace(file: NewFile, trace: Trace, output: Output): void {
  let chunk = '';
  for (const piece of chromeTrace(trace)) {
    chunk += piece;
    if (chunk.length < CHUNK_LENGTH) continue;
    file.write(chunk);
    chunk = '';
  }
  file.write(chunk);
  file.finish();
  const dropped = trace.dropped > 0 ? `, and ${trace.dropped} more that were left out` : '';
  output.note(
    `trace: ${trace.events.length} events${dropped} in ${file.path}; open it on ui.perfetto.dev`,
  );
}

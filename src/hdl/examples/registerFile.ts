import { defineModule, indexWidth } from '../module.ts';
import type { Module } from '../signal.ts';

export type RegisterFileInputs = {
  readAddress: number;
  read: 1;
  writeAddress: number;
  writeData: number;
  write: 1;
};

/** Words with one read and one write port; a read in the cycle of a write to its word sees the new word. */
export function registerFile(
  words: number,
  width: number,
): Module<RegisterFileInputs, { readData: number }> {
  const bits = indexWidth(words);
  return defineModule({
    name: `register_file_${words}x${width}`,
    comment:
      'One read and one write port; the read data come a cycle later, written ones included.',
    inputs: { readAddress: bits, read: 1, writeAddress: bits, writeData: width, write: 1 },
    outputs: { readData: width },
    body({ readAddress, read, writeAddress, writeData, write }, m) {
      const stored = m.memory('words', {
        words,
        width,
        read: { address: readAddress, enable: read },
        write: { address: writeAddress, data: writeData, enable: write },
      });
      // The memory gives the old word, so the new one goes around it.
      const hit = write.and(readAddress.eq(writeAddress));
      const bypass = m.delay('bypass', hit, { enable: read, reset: 0 });
      const written = m.delay('written', writeData, { enable: read });
      return { readData: bypass.mux(written, stored) };
    },
  });
}

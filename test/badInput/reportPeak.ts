/** Preloaded into celadon: writes the peak of resident memory, in bytes, to file 3 when it ends. */
import fs from 'node:fs';
import { peakBytes } from './peak.ts';

process.on('exit', () => fs.writeSync(3, `${peakBytes()}`));

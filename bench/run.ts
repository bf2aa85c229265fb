/** npm run bench [-- NAME...] */
import { benchDecode } from './decode.ts';
import { benchGemm } from './gemm.ts';
import { benchPrefill } from './prefill.ts';
import { benchQuality } from './quality.ts';
import { benchLevels } from './levels.ts';
import { writeTables, type Table } from './table.ts';

const BENCHMARKS: Readonly<Record<string, () => Table | readonly Table[]>> = {
  decode: benchDecode,
  prefill: benchPrefill,
  gemm: benchGemm,
  quality: benchQuality,
  levels: benchLevels,
};

const chosen = process.argv.slice(2);
for (const name of chosen.length > 0 ? chosen : Object.keys(BENCHMARKS)) {
  const run = BENCHMARKS[name];
  if (run === undefined) {
    console.error(`no benchmark ${name}; there are ${Object.keys(BENCHMARKS).join(', ')}`);
    process.exit(2);
  }
  console.error(`running ${name} …`);
  console.log(writeTables(name, [run()].flat()));
}

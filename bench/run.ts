/** npm run bench [-- NAME...] */
import { benchArea } from './area.ts';
import { benchCpu } from './cpu.ts';
import { benchDecode } from './decode.ts';
import { benchExploreSearch } from './exploreSearch.ts';
import { benchGemm } from './gemm.ts';
import { benchPanels } from './panels.ts';
import { benchMachineCode } from './machineCode.ts';
import { benchPrefill } from './prefill.ts';
import { benchQuality } from './quality.ts';
import { benchLevels } from './levels.ts';
import { benchRtl } from './rtl.ts';
import { benchServe } from './serve.ts';
import { benchServing } from './serving.ts';
import { benchStart } from './start.ts';
import { benchText } from './text.ts';
import { writeTables, type Table } from './table.ts';

type Benchmark = () => Table | readonly Table[] | Promise<Table | readonly Table[]>;

const BENCHMARKS: Readonly<Record<string, Benchmark>> = {
  decode: benchDecode,
  prefill: benchPrefill,
  gemm: benchGemm,
  quality: benchQuality,
  levels: benchLevels,
  rtl: benchRtl,
  area: benchArea,
  serving: benchServing,
  serve: benchServe,
  text: benchText,
  panels: benchPanels,
  cpu: benchCpu,
  start: benchStart,
  machineCode: benchMachineCode,
  exploreSearch: benchExploreSearch,
};

const chosen = process.argv.slice(2);
for (const name of chosen.length > 0 ? chosen : Object.keys(BENCHMARKS)) {
  const run = BENCHMARKS[name];
  if (run === undefined) {
    console.error(`no benchmark ${name}; there are ${Object.keys(BENCHMARKS).join(', ')}`);
    process.exit(2);
  }
  console.error(`running ${name} …`);
  console.log(writeTables(name, [await run()].flat()));
}

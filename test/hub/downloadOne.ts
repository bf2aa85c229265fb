// A process that downloads one model, and tells its parent each time that bytes come.
import { downloadModel } from '../../src/model/index.ts';

await downloadModel(`hf:${process.argv[2]}`, {
  environment: process.env,
  parts: { partBytes: 30_000, connections: 3 },
  onProgress: (gotten) => process.send?.(gotten),
});

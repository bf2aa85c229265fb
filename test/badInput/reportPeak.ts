/** Preloaded into celadon: writes the peak of resident memory, in bytes, to file 3 when it ends. */
import fs from 'node:fs';

process.on('exit', () => fs.writeSync(3, `${peakBytes()}`));

/** On Linux from /proc, because the number of getrusage includes what the parent had before exec. */
function peakBytes(): number {
  if (process.platform !== 'linux') return process.resourceUsage().maxRSS * 1024;
  const status = fs.readFileSync('/proc/self/status', 'utf8');
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)![1]) * 1024;
}

/** The peak of resident memory of this process. */
import fs from 'node:fs';

/** On Linux from /proc, because the number of getrusage includes what the parent had before exec. */
export function peakBytes(): number {
  if (process.platform !== 'linux') return process.resourceUsage().maxRSS * 1024;
  const status = fs.readFileSync('/proc/self/status', 'utf8');
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)![1]) * 1024;
}

/** Let the peak be what is resident now, where the system can (proc(5), clear_refs); elsewhere it stays. */
export function resetPeak(): void {
  if (process.platform === 'linux') fs.writeFileSync('/proc/self/clear_refs', '5');
}

/** The machine's own Chromium. */
import { spawnSync } from 'node:child_process';

/** As Debian and Google name it. */
export const NAMES = ['chromium', 'chromium-browser', 'google-chrome'];

export function findChromium(): string | undefined {
  const found = NAMES.map((name) => spawnSync('which', [name], { encoding: 'utf8' }).stdout.trim());
  return found.find((file) => file !== '');
}

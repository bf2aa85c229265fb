/** Stored rows to panels in a memory, in vectors where there are any for the format. */
import { type WasmMemory } from '../../../wasm/index.ts';
import { BLOCK_COLUMNS, PANEL_ROWS, type PanelFormatName } from './panelFormats.table.ts';
import { panelBytes } from './panelLayout.ts';
import { packPanels } from './packPanels.ts';
import { isWordFormat, openPackWords } from './packWords.ts';

/** Packs rows into panels at an address, as packPanels does. */
export type Packer = (
  name: PanelFormatName,
  stored: Uint8Array,
  rows: number,
  columns: number,
  address: number,
) => void;

/** For panels in `memory`, which holds zeros there. */
export function openPacker(memory: WasmMemory): Packer {
  const packWords = openPackWords(memory);
  return (name, stored, rows, columns, address) => {
    const whole = rows - (rows % PANEL_ROWS);
    const wholeBytes = (stored.length / rows) * whole;
    // Rows that fill no panel, and scales that are not finite, are left to the packing that is the same everywhere.
    const done =
      isWordFormat(name) &&
      whole > 0 &&
      packWords(name, stored.subarray(0, wholeBytes), columns / BLOCK_COLUMNS, address)
        ? whole
        : 0;
    if (done === rows) return;
    const at = address + panelBytes(name, done, columns);
    const out = new Uint8Array(memory.buffer, at, panelBytes(name, rows - done, columns));
    packPanels(name, stored.subarray(done === 0 ? 0 : wholeBytes), rows - done, columns, out);
  };
}

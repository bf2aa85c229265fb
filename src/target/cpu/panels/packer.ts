/** Stored rows to panels in a memory, in vectors where there are any for the format. */
import type { WasmMemory } from '../../../wasm/index.ts';
import { BLOCK_COLUMNS, PANEL_ROWS, type PanelFormatName } from './panelFormats.table.ts';
import { panelBytes } from './panelLayout.ts';
import { packPanels } from './packPanels.ts';
import { isWordFormat, openWordPacker } from './packWords.ts';

export interface Packer {
  /** Memory to read so many bytes of stored rows into, that need not be copied then; until the next call. */
  room(bytes: number): Uint8Array<ArrayBuffer>;
  /** Packs rows into panels at an address, as packPanels does. */
  pack(
    name: PanelFormatName,
    stored: Uint8Array,
    rows: number,
    columns: number,
    address: number,
  ): void;
}

/** For panels in `memory`, which holds zeros there. */
export function openPacker(memory: WasmMemory): Packer {
  const words = openWordPacker(memory);
  return {
    room: words.room,
    pack(name, stored, rows, columns, address) {
      const whole = isWordFormat(name) ? rows - (rows % PANEL_ROWS) : 0;
      const start = stored.subarray(0, (stored.length / rows) * whole);
      const isDone =
        whole > 0 &&
        isWordFormat(name) &&
        words.pack(name, start, columns / BLOCK_COLUMNS, address);
      // Rows that fill no panel, and scales that are not finite, are left to the packing that all formats have.
      const done = isDone ? whole : 0;
      if (done === rows) return;
      const at = address + panelBytes(name, done, columns);
      const out = new Uint8Array(memory.buffer, at, panelBytes(name, rows - done, columns));
      packPanels(name, stored.subarray(isDone ? start.length : 0), rows - done, columns, out);
    },
  };
}

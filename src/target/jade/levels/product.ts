/** A product of activations and weights that stream through a ring: how often each tile, and how long each takes. */
import { tileOf } from '../tiles.ts';
import type { Machine } from './machine.ts';

/** rows × inputs times outputs × inputs, tile by tile. */
export class Product {
  /** Cycles of loading all weights, of multiplying with them, and of the last tile's products. */
  memory = 0;
  matrix = 0;
  lastTile = 0;
  tiles = 0;
  tileRows = 0;
  tileColumns = 0;
  /** Whole tiles that the ring holds, and cycles from one load to the next, also of the same bytes. */
  held = 0;
  pace = 0;
  turn = 0;
  /** Of a whole tile: cycles on the channel, bytes. */
  load = 0;
  tileBytes = 0;
  private ringBytes = 0;

  /** `ringBytes`: of the ring that the tiles pass. */
  set(
    machine: Machine,
    rows: number,
    outputs: number,
    inputs: number,
    blockBytes: number,
    ringBytes: number,
  ): void {
    this.ringBytes = ringBytes;
    const { tileRows, tileColumns } = tileOf(outputs, inputs, machine.chip);
    const down = Math.floor(outputs / tileRows);
    const across = Math.floor(inputs / tileColumns);
    const lowRows = outputs - down * tileRows;
    const lowColumns = inputs - across * tileColumns;
    this.tileRows = tileRows;
    this.tileColumns = tileColumns;
    this.memory = 0;
    this.matrix = 0;
    this.tiles = 0;
    this.add(machine, down * across, rows, tileRows, tileColumns, blockBytes);
    this.held = machine.tilesIn(ringBytes);
    this.pace = machine.tilePace(this.held);
    this.turn = machine.tileTurn;
    this.load = machine.tileLoad;
    this.tileBytes = machine.tileBytes;
    if (lowColumns > 0) this.add(machine, down, rows, tileRows, lowColumns, blockBytes);
    if (lowRows === 0) return;
    this.add(machine, across, rows, lowRows, tileColumns, blockBytes);
    if (lowColumns > 0) this.add(machine, 1, rows, lowRows, lowColumns, blockBytes);
  }

  /** So many tiles of height × width. */
  private add(
    machine: Machine,
    count: number,
    rows: number,
    height: number,
    width: number,
    blockBytes: number,
  ): void {
    machine.setTile(rows, height, width, blockBytes);
    this.memory += count * machine.tilePace(machine.tilesIn(this.ringBytes));
    this.matrix += count * machine.tileProduct;
    this.lastTile = machine.tileProduct;
    this.tiles += count;
  }
}

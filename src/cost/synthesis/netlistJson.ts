/** A netlist of library cells, as Yosys writes it. */

/** What `write_json` says of a module, as far as it is used here. */
export interface NetlistJson {
  readonly ports: Readonly<
    Record<string, { readonly direction: string; readonly bits: readonly Bit[] }>
  >;
  readonly cells: Readonly<Record<string, CellJson>>;
}

export interface CellJson {
  readonly type: string;
  readonly connections: Readonly<Record<string, readonly Bit[]>>;
}

/** The number of a net, or a constant. */
export type Bit = number | '0' | '1' | 'x' | 'z';

/** What came out for one module and one library. */
export interface Synthesised {
  readonly netlist: NetlistJson;
  /** Of the slowest path from a flop or input to a flop or output. */
  readonly delayPs: number;
}

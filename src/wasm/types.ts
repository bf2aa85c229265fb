/** Value and function types of WebAssembly, and the handles that name locals and functions. */

/** The types of values Celadon uses. */
export type ValueType = 'i32' | 'i64' | 'f32' | 'f64' | 'v128';

/** Type codes of the binary format. */
export const VALUE_TYPE_CODES: Readonly<Record<ValueType, number>> = {
  i32: 0x7f,
  i64: 0x7e,
  f32: 0x7d,
  f64: 0x7c,
  v128: 0x7b,
};

/** Parameters and results of a function. */
export interface FunctionType {
  readonly params: readonly ValueType[];
  readonly results: readonly ValueType[];
}

/** A parameter or local variable of one function. */
export interface Local {
  readonly index: number;
  readonly name: string;
  readonly type: ValueType;
}

/** A function of the module, imported or defined, as `call` takes it. */
export interface FunctionRef {
  readonly index: number;
  readonly name: string;
  readonly type: FunctionType;
}

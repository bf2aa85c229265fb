/** Where code that was emitted is kept, from one run to the next. */
export interface CodeStore {
  /** What is kept under the name, else what `emit` makes, which is kept then. Values are such as can be posted. */
  take<T>(name: string, emit: () => T): T;
}

/** Keeps nothing. */
export const noCodeStore: CodeStore = { take: (_, emit) => emit() };

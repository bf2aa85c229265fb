/**
 * Errors by what the caller can do about them.
 *
 * Every message says what was required and what was given; `where` names the file, tensor, layer or
 * op; `hint` says what to do next. The command line prints the three and maps the class to an exit code.
 */

/** Where the problem is and what to do next; both optional, both shown to the user. */
export interface ErrorDetails {
  readonly where?: string;
  readonly hint?: string;
}

/** Base class: an error that is an answer, not a crash. */
export class CeladonError extends Error {
  readonly where: string | undefined;
  readonly hint: string | undefined;
  /** Process exit code: 1 failure, 2 usage, 3 unsupported, 4 does not fit. */
  readonly exitCode: number = 1;

  constructor(message: string, details: ErrorDetails = {}) {
    super(message);
    this.name = new.target.name;
    this.where = details.where;
    this.hint = details.hint;
  }
}

/** A file or its content breaks its format. */
export class FormatError extends CeladonError {}

/** A shape, dtype or graph rule is broken. */
export class ShapeError extends CeladonError {}

/** A request is wrong: an option, an argument, an empty prompt. */
export class UsageError extends CeladonError {
  override readonly exitCode: number = 2;
}

/** Celadon cannot do this; the message gives the reason and what would work. */
export class UnsupportedError extends CeladonError {
  override readonly exitCode: number = 3;
}

/** Something does not fit: needs, has, and which memory. */
export class CapacityError extends CeladonError {
  override readonly exitCode: number = 4;
}

/** A chip description is wrong. */
export class ChipError extends CeladonError {}

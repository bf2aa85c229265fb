import type { Form } from '../../grammar/index.ts';
import type { CallWriter } from './callWriter.ts';
import type { Reading } from './marks.ts';
import type { Tool } from './message.ts';

/** How a family of models marks the calls in its replies. */
export interface Dialect {
  /** Marks that may begin calls. */
  readonly opens: readonly string[];
  /** Newlines around thoughts and answers are the format's, not the text's. */
  readonly trims: boolean;
  /** Read on after the mark `open`. False, with all text after it unread, when this is no call. */
  readonly read?: (open: string, calls: CallWriter) => Reading<boolean>;
  /** How a model is made to call one of some tools. Throws UnsupportedError where the format cannot hold it to a schema. */
  readonly force?: (tools: readonly Tool[]) => ForcedCall;
}

/** A call that must come: the model goes on from `opening` with what `form` says, and `closing` ends it. */
export interface ForcedCall {
  readonly opening: string;
  readonly form: Form;
  readonly closing: string;
}

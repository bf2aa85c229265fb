import type { CallWriter } from './callWriter.ts';
import type { Reading } from './marks.ts';

/** How a family of models marks the calls in its replies. */
export interface Dialect {
  /** Marks that may begin calls. */
  readonly opens: readonly string[];
  /** Newlines around thoughts and answers are the format's, not the text's. */
  readonly trims: boolean;
  /** Read on after the mark `open`. False, with all text after it unread, when this is no call. */
  readonly read?: (open: string, calls: CallWriter) => Reading<boolean>;
}

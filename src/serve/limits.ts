/** What one client may take from the others. */
export interface Limits {
  /** Of a request's body; larger ones are refused before they are read. */
  readonly bodyBytes: number;
  /** Levels of brackets in a body. */
  readonly bodyDepth: number;
  /** Requests that may wait for the engine; one more is answered with 429. */
  readonly waitingRequests: number;
  /** For a client to send its headers, and all of its request, in seconds. */
  readonly headersSeconds: number;
  readonly sendingSeconds: number;
  /** Connections at one time. */
  readonly connections: number;
  /** From a request's arrival to its end, in seconds; what runs longer is ended. */
  readonly requestSeconds: number;
  /** Answers to one request (`n`), or texts in it (embeddings, documents to rank). */
  readonly answers: number;
  readonly texts: number;
  /** Bytes of a stream that a client has not read yet; one that reads more slowly is let go. */
  readonly unreadBytes: number;
  /** Between comments that keep a silent stream open, in seconds. */
  readonly keepAliveSeconds: number;
  /**
   * Events of a stream within so many milliseconds of the last ones sent are sent together: to send and to receive costs both
   * ends what a token of a small model does. A screen shows a picture for longer.
   */
  readonly togetherMs: number;
}

export const DEFAULT_LIMITS: Limits = {
  bodyBytes: 8 * 2 ** 20,
  bodyDepth: 100,
  waitingRequests: 256,
  headersSeconds: 10,
  sendingSeconds: 60,
  connections: 1024,
  requestSeconds: 600,
  answers: 16,
  texts: 256,
  unreadBytes: 2 ** 20,
  keepAliveSeconds: 15,
  togetherMs: 5,
};

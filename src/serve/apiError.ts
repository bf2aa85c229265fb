/** Errors in the shape of the OpenAI API: `{ error: { message, type, param, code } }` and a status. */
import {
  CapacityError,
  CeladonError,
  FormatError,
  UnsupportedError,
  UsageError,
} from '../base/index.ts';

/** Statuses that the server answers with when something is wrong. */
export type ErrorStatus = 400 | 401 | 403 | 404 | 405 | 408 | 413 | 429 | 500 | 503 | 504;

export interface ApiErrorDetails {
  /** The field of the body that is wrong. */
  readonly param?: string | undefined;
  /** For programs: one of a few words, such as `context_length_exceeded`. */
  readonly code?: string | undefined;
}

/** An answer that is an error; its message is for the client to read. */
export class ApiError extends Error {
  readonly status: ErrorStatus;
  readonly param: string | null;
  readonly code: string | null;

  constructor(status: ErrorStatus, message: string, { param, code }: ApiErrorDetails = {}) {
    super(message);
    this.name = 'ApiError';
    this.status = status;
    this.param = param ?? null;
    this.code = code ?? null;
  }

  /** The body of the answer. */
  toJSON(): object {
    const { message, param, code } = this;
    return { error: { message, type: TYPES[this.status] ?? 'server_error', param, code } };
  }
}

const TYPES: Partial<Record<ErrorStatus, string>> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  405: 'invalid_request_error',
  408: 'invalid_request_error',
  413: 'invalid_request_error',
  429: 'rate_limit_error',
};

/** A request that asks for what the server cannot do. */
export function unsupported(param: string, reason: string): ApiError {
  return new ApiError(400, `${param} is not supported: ${reason}`, { param, code: 'unsupported' });
}

/** Codes of errors that the client can do something about. */
const CODES: readonly (readonly [new (message: string) => CeladonError, string])[] = [
  [CapacityError, 'context_length_exceeded'],
  [UnsupportedError, 'unsupported'],
  [UsageError, 'invalid_value'],
  [FormatError, 'invalid_body'],
];

/** What to tell a client about `error`. What is not its fault is told without details, which may be private. */
export function apiErrorOf(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  const code = CODES.find(([kind]) => error instanceof kind)?.[1];
  if (code === undefined) return new ApiError(500, 'the server failed; its log says more');
  const { message, where, hint } = error as CeladonError;
  const parts = [where === undefined ? message : `${where}: ${message}`, hint];
  return new ApiError(400, parts.filter((part) => part !== undefined).join('; '), { code });
}

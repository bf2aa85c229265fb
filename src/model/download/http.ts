/**
 * Requests to a hub: redirects are followed here, so that the token goes to the hub alone and never to
 * the host that it redirects to; and what may pass is tried again.
 */
import { CeladonError, FormatError, isRecord, UsageError } from '../../base/index.ts';

export interface HubAccess {
  /** Scheme and host, without a slash at the end. */
  readonly endpoint: string;
  readonly token?: string | undefined;
  /** Seconds without a byte after which a connection is given up. */
  readonly idleSeconds: number;
  /** Failed attempts in a row after which there is no other. */
  readonly attempts: number;
  /** Seconds before the second attempt; each further wait is twice as long. */
  readonly retrySeconds: number;
}

const MAX_REDIRECTS = 5;
const MAX_WAIT_SECONDS = 30;
const MAX_LIST_BYTES = 32 * 2 ** 20;

/** A failure that may pass. */
export class PassingFailure extends CeladonError {}

/** Throws UsageError for an endpoint to which a token would go unencrypted, or that is none. */
export function requireEndpoint({ endpoint, token }: HubAccess, variable: string): void {
  const url = URL.parse(endpoint);
  const where = variable;
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new UsageError(`the endpoint must be an https address, not ${JSON.stringify(endpoint)}`, {
      where,
    });
  }
  const local = ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname);
  if (token === undefined || url.protocol === 'https:' || local) return;
  throw new UsageError(`a token must go over https, not to ${endpoint}`, {
    where,
    hint: 'use an https endpoint, or unset HF_TOKEN',
  });
}

/**
 * One request, with what it is redirected to. Throws PassingFailure for what another attempt may mend,
 * UsageError for a model that is not there or not for this token.
 */
export async function request(
  { endpoint, token }: HubAccess,
  url: string,
  { headers = {}, signal }: { headers?: Readonly<Record<string, string>>; signal: AbortSignal },
): Promise<Response> {
  let at = new URL(url);
  for (let hops = 0; hops <= MAX_REDIRECTS; hops++) {
    const secret = token !== undefined && at.origin === new URL(endpoint).origin;
    const response = await attempt(at, {
      headers: {
        ...headers,
        'accept-encoding': 'identity',
        'user-agent': 'celadon',
        ...(secret && { authorization: `Bearer ${token}` }),
      },
      redirect: 'manual',
      signal,
    });
    const location = response.headers.get('location');
    if (response.status < 300 || response.status > 399 || location === null) {
      return requireSuccess(response, url, token);
    }
    await response.body?.cancel();
    const next = new URL(location, at);
    if (at.protocol === 'https:' && next.protocol !== 'https:') {
      throw new CeladonError(`a redirect must stay on https, not lead to ${next.origin}`, {
        where: url,
      });
    }
    at = next;
  }
  throw new CeladonError(`there must be at most ${MAX_REDIRECTS} redirects, not more`, {
    where: url,
  });
}

async function attempt(url: URL, options: RequestInit): Promise<Response> {
  try {
    return await fetch(url, options);
  } catch (error) {
    throw passing(error, url.origin);
  }
}

/** A connection that failed or broke, as a failure that may pass; it names the host alone, since addresses may be signed. */
export function passing(error: unknown, where: string): PassingFailure {
  if (error instanceof PassingFailure) return error;
  const { message, cause } = error as Error;
  const reason = cause instanceof Error && cause.message !== '' ? cause.message : message;
  return new PassingFailure(`the connection must stay, and failed: ${reason}`, {
    where,
    hint: 'check the network and start again: what has been downloaded is kept',
  });
}

async function requireSuccess(response: Response, url: string, token?: string): Promise<Response> {
  const { status } = response;
  if (response.ok) return response;
  await response.body?.cancel();
  if (status === 408 || status === 429 || status >= 500) {
    throw new PassingFailure(`the hub must answer, and says ${status}`, {
      where: url,
      hint: 'start again later: what has been downloaded is kept',
    });
  }
  if (status === 401 || status === 403) {
    const hint =
      token === undefined
        ? 'check the name; for a model that is not public, set HF_TOKEN and accept its terms on its page'
        : 'accept the terms of the model on its page, or use a token that may read it';
    throw new UsageError(`the model must be open to you, and the hub says ${status}`, {
      where: url,
      hint,
    });
  }
  throw new UsageError(`the model must be on the hub, which says ${status}`, {
    where: url,
    hint: 'check the name, the revision and the file',
  });
}

export interface Persistence {
  /** Ends waiting and trying again. */
  readonly stop?: AbortSignal;
  /** Whether a failed attempt brought something, and so counts as none. */
  readonly progressed?: () => boolean;
}

/** Runs `work` until it succeeds, or fails in a way that does not pass, or too often in a row. */
export async function persist<T>(
  { attempts, retrySeconds }: HubAccess,
  work: () => Promise<T>,
  { stop, progressed = () => false }: Persistence = {},
): Promise<T> {
  for (let failed = 0; ;) {
    try {
      return await work();
    } catch (error) {
      failed = progressed() ? 1 : failed + 1;
      if (!(error instanceof PassingFailure) || failed >= attempts || stop?.aborted) throw error;
      await wait(Math.min(MAX_WAIT_SECONDS, retrySeconds * 2 ** (failed - 1)), stop);
    }
  }
}

async function wait(seconds: number, stop?: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, seconds * 1000);
    stop?.addEventListener('abort', () => (clearTimeout(timer), resolve()), { once: true });
  });
}

/** Parsed JSON of at most 32 MB. Throws as `request` does, and FormatError for what is no JSON object. */
export async function getJson(access: HubAccess, url: string): Promise<unknown> {
  return persist(access, async () => {
    const signal = AbortSignal.timeout(access.idleSeconds * 1000);
    const response = await request(access, url, { signal });
    const text = await readText(response, url);
    const answer = parse(text, url);
    if (isRecord(answer)) return answer;
    throw new FormatError('the hub must answer with a JSON object, and does not', { where: url });
  });
}

async function readText(response: Response, where: string): Promise<string> {
  const decoder = new TextDecoder();
  let [text, bytes] = ['', 0];
  try {
    for await (const chunk of response.body!) {
      bytes += chunk.length;
      if (bytes > MAX_LIST_BYTES) break;
      text += decoder.decode(chunk, { stream: true });
    }
  } catch (error) {
    throw passing(error, where);
  }
  if (bytes <= MAX_LIST_BYTES) return text + decoder.decode();
  throw new FormatError(`the list of files must have at most ${MAX_LIST_BYTES} bytes`, { where });
}

function parse(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new FormatError('the hub must answer with JSON, and does not', {
      where,
      hint: 'check HF_ENDPOINT',
    });
  }
}

/** The server as a function from requests to answers: routes, keys, origins, errors. */
import { Hono, type Context } from 'hono';
import { bearerAuth } from 'hono/bearer-auth';
import { cors } from 'hono/cors';
import { HTTPException } from 'hono/http-exception';
import { ApiError, apiErrorOf } from './apiError.ts';
import { answerChat } from './chat.ts';
import { answerCompletion } from './completions.ts';
import { answerEmbeddings, answerRerank } from './embeddings.ts';
import { answerResponse } from './responses.ts';
import type { Service } from './service.ts';
import { detokenize, tokenize } from './tokens.ts';

/** Where the server is between its start and its end. */
export type ServerState =
  | { readonly phase: 'loading' | 'draining' }
  | { readonly phase: 'ready'; readonly service: Service };

export interface AppOptions {
  /** What the server can do now. */
  state(): ServerState;
  /** Keys of which a client must have one; none are asked for when there are none. */
  readonly apiKeys: readonly string[];
  /** Origins of other pages whose scripts may read answers; `*` is all. */
  readonly origins: readonly string[];
  /** Names that the server goes by; a request for another one is refused. All are right when absent. */
  readonly hosts?: readonly string[];
  /** The files of the chat page, by path. */
  readonly page: ReadonlyMap<string, { readonly type: string; readonly body: string }>;
  /** Told what went wrong that no client is told. */
  report(error: unknown): void;
}

type Endpoint = (service: Service, request: Request) => Promise<Response> | Response;

const POST: Readonly<Record<string, Endpoint>> = {
  '/v1/chat/completions': answerChat,
  '/v1/completions': answerCompletion,
  '/v1/responses': answerResponse,
  '/v1/embeddings': answerEmbeddings,
  '/v1/rerank': answerRerank,
  '/tokenize': tokenize,
  '/detokenize': detokenize,
};

const GET: Readonly<Record<string, Endpoint>> = {
  '/v1/models': (service) => Response.json({ object: 'list', data: [describe(service)] }),
  '/metrics': ({ loop }) =>
    new Response(loop.metrics(), {
      headers: { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' },
    }),
};

export function createApp(options: AppOptions): Hono {
  const app = new Hono();
  app.use(requireHost(options));
  app.use(requireOrigin(options));
  app.use(cors({ origin: options.origins.includes('*') ? '*' : [...options.origins] }));
  app.get('/health', () => health(options.state()));
  for (const [path, { type, body }] of options.page) app.get(path, () => pageAnswer(type, body));
  if (options.apiKeys.length > 0) app.use(requireKey(options.apiKeys));
  const serviceOf = (): Service => requireReady(options.state());
  for (const [path, endpoint] of Object.entries(POST))
    app.post(path, ({ req }) => endpoint(serviceOf(), req.raw));
  for (const [path, endpoint] of Object.entries(GET))
    app.get(path, ({ req }) => endpoint(serviceOf(), req.raw));
  app.get('/v1/models/:name{.+}', (c) => oneModel(serviceOf(), c.req.param('name')));
  app.notFound(({ req }) => errorAnswer(unknownPath(req.method, req.path)));
  app.onError((error, context) => failureAnswer(error, context, options));
  return app;
}

/**
 * A page of another site can make its own name point here; its scripts are then of the same origin to the
 * browser, and only the name in the request tells (DNS rebinding).
 */
function requireHost({ hosts }: AppOptions) {
  return async ({ req }: Context, next: () => Promise<void>): Promise<void> => {
    const { hostname } = new URL(req.url);
    if (hosts === undefined || hosts.includes(hostname)) return next();
    throw new ApiError(
      403,
      `the host must be ${hosts.join(' or ')}, not ${hostname.slice(0, 100)}`,
      {
        code: 'wrong_host',
      },
    );
  };
}

/** Without this, pages of other sites could make the server work, although they could not read its answers. */
function requireOrigin({ origins }: AppOptions) {
  return async ({ req }: Context, next: () => Promise<void>): Promise<void> => {
    const origin = req.header('origin');
    const own = origin === undefined || URL.parse(origin)?.host === new URL(req.url).host;
    if (own || origins.includes('*') || origins.includes(origin)) return next();
    throw new ApiError(
      403,
      `the origin ${origin.slice(0, 100)} must be allowed when the server starts`,
      {
        code: 'wrong_origin',
      },
    );
  };
}

function requireKey(keys: readonly string[]) {
  const message = (text: string): object =>
    new ApiError(401, text, { code: 'invalid_api_key' }).toJSON();
  return bearerAuth({
    token: [...keys],
    noAuthenticationHeader: {
      message: message('an API key must be given: Authorization: Bearer KEY'),
    },
    invalidAuthenticationHeader: {
      message: message('the header must be Authorization: Bearer KEY'),
    },
    invalidToken: { message: message('the API key is wrong') },
  });
}

function health(state: ServerState): Response {
  const broken = state.phase === 'ready' && state.service.loop.broken;
  const status = broken ? 'failed' : state.phase;
  return Response.json({ status }, { status: status === 'ready' ? 200 : 503 });
}

function requireReady(state: ServerState): Service {
  if (state.phase === 'ready') return state.service;
  const what = state.phase === 'loading' ? 'the model is being loaded' : 'the server is ending';
  throw new ApiError(503, `${what}; try again soon`, { code: state.phase });
}

function oneModel(service: Service, name: string): Response {
  if (name === service.name) return Response.json(describe(service));
  throw new ApiError(
    404,
    `the model must be ${JSON.stringify(service.name)}, not ${JSON.stringify(name.slice(0, 100))}`,
    {
      param: 'model',
      code: 'model_not_found',
    },
  );
}

function describe({ name, created, loop }: Service): object {
  const { contextTokens } = loop;
  return { id: name, object: 'model', created, owned_by: 'celadon', max_model_len: contextTokens };
}

/** Scripts and styles of the page are its own files and nothing else. */
function pageAnswer(type: string, body: string): Response {
  const headers = {
    'content-type': type,
    'content-security-policy': "default-src 'self'; frame-ancestors 'none'; base-uri 'none'",
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
  };
  return new Response(body, { headers });
}

/** A path that is there for another method is answered with 405. */
function unknownPath(method: string, path: string): ApiError {
  const other = path in POST ? 'POST' : path in GET ? 'GET' : undefined;
  if (other !== undefined)
    return new ApiError(405, `the method of ${path} must be ${other}, not ${method}`, {
      code: 'method_not_allowed',
    });
  const paths = [...Object.keys(POST), ...Object.keys(GET)].join(', ');
  return new ApiError(404, `the path must be one of ${paths}`, { code: 'unknown_url' });
}

function failureAnswer(error: Error, { req }: Context, { report }: AppOptions): Response {
  if (error instanceof HTTPException) return error.getResponse();
  const told = apiErrorOf(error);
  if (told.status === 500 && !req.raw.signal.aborted) report(error);
  return errorAnswer(told);
}

function errorAnswer(error: ApiError): Response {
  const headers: Record<string, string> =
    error.status === 429 || error.status === 503 ? { 'retry-after': '1' } : {};
  return Response.json(error, { status: error.status, headers });
}

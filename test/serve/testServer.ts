/** Servers on loopback for tests: a demo model, or a published tokenizer and chat template with a script. */
import fs from 'node:fs';
import path from 'node:path';
import type { TestContext } from 'node:test';
import OpenAI from 'openai';
import {
  Engine,
  ModelRunner,
  type EngineRequest,
  type ServingEngine,
} from '../../src/engine/index.ts';
import {
  ChatTemplate,
  loadModel,
  readChatTemplate,
  Tokenizer,
  type GenerationConfig,
} from '../../src/model/index.ts';
import {
  DEFAULT_LIMITS,
  EngineLoop,
  letGo,
  Metrics,
  Retrieval,
  startServer,
  type Limits,
  type RetrievalRunners,
  type RunningServer,
  type ServerOptions,
  type Service,
} from '../../src/serve/index.ts';
import type { Target } from '../../src/compile/index.ts';
import { cpuTarget } from '../../src/target/cpu/index.ts';
import { publishedFolder } from '../text/goldenTokenizers.ts';
import { ScriptedEngine } from './scriptedEngine.ts';

export interface TestServer extends RunningServer {
  readonly service: Service;
  readonly client: OpenAI;
  /** What no client was told. */
  readonly reports: unknown[];
}

export interface TestOptions {
  readonly encodeLong?: (text: string) => Promise<number[]>;
  readonly limits?: Partial<Limits>;
  readonly server?: Partial<ServerOptions>;
}

const GREEDY: GenerationConfig = {
  doSample: false,
  temperature: 0,
  topK: 0,
  topP: 1,
  eosTokenIds: [],
};

const NO_RUNNERS: RetrievalRunners = {
  embedding: () => {
    throw new Error('the test has no runner');
  },
  ranking: () => {
    throw new Error('the test has no runner');
  },
};

const CONTEXT = 256;

export interface DemoOptions extends TestOptions {
  readonly contextTokens?: number;
  /** What text is made of and how a chat is written, instead of the model's. */
  readonly texts?: Partial<Service['model']>;
}

/** qwen3-tiny, on one thread of the cpu unless said. */
export async function serveDemo(
  t: TestContext,
  { contextTokens = CONTEXT, texts, ...options }: DemoOptions = {},
  target: Target = cpuTarget({ contextTokens, threads: 1 }),
): Promise<TestServer> {
  const model = loadModel(path.join(import.meta.dirname, '../../models/qwen3-tiny'));
  const runner = (head: 'tokens' | 'embedding'): ModelRunner =>
    new ModelRunner(model.graph({ logits: 'last', head }), target, target.open({}), contextTokens);
  const { eosTokenIds } = model.checkpoint.generation;
  return serve(t, options, {
    name: 'qwen3-tiny',
    model: { tokenizer: model.tokenizer, chat: model.chat, ...texts },
    engine: new Engine(model.graph({ logits: 'last' }), target, target.open({}), { contextTokens }),
    generation: { ...GREEDY, eosTokenIds },
    runners: { embedding: () => runner('embedding'), ranking: () => runner('tokens') },
  });
}

const QWEN3 = publishedFolder('qwen3');
const IM_END = 151_645;
let qwen3: Pick<Service, 'model'>['model'] | undefined;

export interface ScriptOptions extends TestOptions {
  readonly runners?: RetrievalRunners;
  readonly contextTokens?: number;
  /** Instead of Qwen3's. */
  readonly template?: string;
}

/** Qwen3's tokenizer and template; `say` is what the model answers to a prompt, token by token or as text. */
export async function serveScript(
  t: TestContext,
  say: (prompt: string, request: EngineRequest) => string | Iterable<number>,
  options: ScriptOptions = {},
): Promise<TestServer & { readonly engine: ScriptedEngine }> {
  const read = (file: string) => JSON.parse(fs.readFileSync(path.join(QWEN3, file), 'utf8'));
  qwen3 ??= {
    tokenizer: new Tokenizer(read('tokenizer.json'), 'qwen3'),
    chat: readChatTemplate(read('tokenizer_config.json'), 'qwen3'),
  };
  const { tokenizer } = qwen3;
  const { template } = options;
  const chat = template === undefined ? qwen3.chat : new ChatTemplate(template, {}, 'template');
  const model = { tokenizer, chat };
  const engine = new ScriptedEngine((request) => {
    const said = say(model.tokenizer.decode(request.prompt), request);
    return typeof said === 'string' ? [...model.tokenizer.encode(said), IM_END] : said;
  }, options.contextTokens);
  const generation = { ...GREEDY, eosTokenIds: [IM_END] };
  const { runners = NO_RUNNERS } = options;
  const served = await serve(t, options, { name: 'script', model, engine, generation, runners });
  return { ...served, engine };
}

interface Parts extends Pick<Service, 'name' | 'model' | 'generation'> {
  readonly engine: ServingEngine;
  readonly runners: RetrievalRunners;
}

async function serve(
  t: TestContext,
  { limits: changed, server: more, encodeLong }: TestOptions,
  { engine, runners, ...parts }: Parts,
): Promise<TestServer> {
  const reports: unknown[] = [];
  const report = (error: unknown): void => void reports.push(error);
  const limits = { ...DEFAULT_LIMITS, ...changed };
  const metrics = new Metrics();
  const { waitingRequests } = limits;
  const loop = new EngineLoop(engine, { metrics, waitingRequests, pause: letGo, report });
  const retrieval = new Retrieval(loop, runners);
  const service = {
    ...parts,
    fingerprint: 'test',
    created: 1,
    loop,
    limits,
    retrieval,
    ...(encodeLong && { encodeLong }),
  };
  const options = { host: '127.0.0.1', port: 0, limits, apiKeys: [], origins: [], report, ...more };
  const server = await startServer(options);
  t.after(() => server.close());
  server.ready(service);
  const client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries: 0 });
  return { ...server, service, client, reports };
}

/** Posts a body as it is; text is sent as it stands. */
export function post(url: string, body: unknown, init: RequestInit = {}): Promise<Response> {
  return fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body:
      typeof body === 'string' || body instanceof Uint8Array
        ? (body as string)
        : JSON.stringify(body),
    ...init,
  });
}

/** celadon serve: the OpenAI API over HTTP, on any target. */
import fs from 'node:fs';
import type { Command } from 'commander';
import packageJson from '../../package.json' with { type: 'json' };
import { UsageError } from '../base/index.ts';
import { Engine, lookupDrafts, ModelRunner, predictorDrafts } from '../engine/index.ts';
import type { Target } from '../compile/index.ts';
import { loadModel, type Model } from '../model/index.ts';
import {
  DEFAULT_LIMITS,
  EngineLoop,
  isLoopback,
  letGo,
  LongTexts,
  Metrics,
  Retrieval,
  startServer,
  type Limits,
  type RunningServer,
  type Service,
} from '../serve/index.ts';
import { choice, wholeNumber } from './arguments.ts';
import { forgetOpening } from './heap.ts';
import { modelPlace, noteSkipped } from './models.ts';
import { Output, type GlobalOptions } from './output.ts';
import { addTargetOptions } from './targetOptions.ts';
import { chooseTarget, createTarget, type TargetChoice, type TargetRequest } from './targets.ts';

interface ServeOptions extends GlobalOptions, TargetRequest {
  readonly host: string;
  readonly port: number;
  readonly context?: number;
  readonly alias?: string;
  readonly apiKey: readonly string[];
  readonly apiKeyFile?: string;
  readonly allowAnyone?: boolean;
  readonly allowOrigin: readonly string[];
  readonly maxSequences: number;
  readonly draft?: 'mtp' | 'lookup';
  readonly draftTokens?: number;
  readonly maxWaiting: number;
  readonly maxSeconds: number;
  readonly maxBodyBytes: number;
}

const gather = (value: string, before: readonly string[]): string[] => [...before, value];

export function addServe(program: Command): void {
  addTargetOptions(
    program
      .command('serve')
      .description('answer the OpenAI API over HTTP, and chat in a browser')
      .argument('<model>', 'folder, .gguf file, hf:ORG/NAME or built-in name'),
  )
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .option(
      '--port <number>',
      'port to listen on; 0: any that is free',
      wholeNumber(0, 65535),
      8000,
    )
    .option(
      '--context <tokens>',
      'most tokens of a conversation (default: as the model, up to 4096)',
      wholeNumber(2),
    )
    .option('--max-sequences <count>', 'requests that run at once', wholeNumber(1, 1024), 16)
    .addOption(choice('--draft <kind>', 'guess ahead; same tokens', ['mtp', 'lookup']))
    .option(
      '--draft-tokens <count>',
      'guesses a step (default: 1 of mtp, 8 of lookup)',
      wholeNumber(1),
    )
    .option('--alias <name>', 'what clients call the model (default: its name)')
    .option('--api-key <key>', 'a key that clients may use; may be repeated', gather, [])
    .option('--api-key-file <file>', 'keys, one a line; CELADON_API_KEY holds one too')
    .option('--allow-anyone', 'listen beyond this machine without a key')
    .option(
      '--allow-origin <origin>',
      'origin of pages that may use the server; *: all; may be repeated',
      gather,
      [],
    )
    .option(
      '--max-waiting <count>',
      'requests that may wait',
      wholeNumber(1),
      DEFAULT_LIMITS.waitingRequests,
    )
    .option(
      '--max-seconds <count>',
      'longest time of a request',
      wholeNumber(1),
      DEFAULT_LIMITS.requestSeconds,
    )
    .option('--max-body-bytes <count>', 'largest body', wholeNumber(1), DEFAULT_LIMITS.bodyBytes)
    .action((model: string, _: unknown, command: Command) =>
      serve(model, command.optsWithGlobals<ServeOptions>()),
    );
}

async function serve(name: string, options: ServeOptions): Promise<void> {
  const output = new Output(options);
  const target = await chooseTarget(options);
  const apiKeys = readKeys(options);
  requireGuarded(options, apiKeys);
  const place = modelPlace(name);
  const model = loadModel(place);
  noteSkipped(model, output);
  const limits = limitsOf(options);
  const server = await startServer({
    host: options.host,
    port: options.port,
    limits,
    apiKeys,
    origins: options.allowOrigin,
    report: (error) => output.note(reportText(error, output.verbose)),
  });
  endOnSignals(server, output);
  await letGo();
  const service = await openService(model, target, options, limits, output);
  const longTexts = new LongTexts(place);
  server.ready({ ...service, encodeLong: (text) => longTexts.encode(text) });
  tellStart(server, service, target, output);
  forgetOpening();
}

/** Keys of the command line, of a file and of the environment. */
function readKeys({ apiKey, apiKeyFile }: ServeOptions): string[] {
  const stored = apiKeyFile === undefined ? [] : fs.readFileSync(apiKeyFile, 'utf8').split('\n');
  const keys = [...apiKey, ...stored, process.env['CELADON_API_KEY'] ?? ''];
  return keys.map((key) => key.trim()).filter((key) => key !== '');
}

function requireGuarded({ host, allowAnyone }: ServeOptions, keys: readonly string[]): void {
  if (isLoopback(host) || keys.length > 0 || allowAnyone === true) return;
  throw new UsageError(
    `a server that others can reach must have a key, and ${host} is not loopback`,
    {
      where: '--host',
      hint: 'add --api-key KEY, or --allow-anyone if that is meant',
    },
  );
}

function limitsOf({ maxWaiting, maxSeconds, maxBodyBytes }: ServeOptions): Limits {
  return {
    ...DEFAULT_LIMITS,
    waitingRequests: maxWaiting,
    requestSeconds: maxSeconds,
    bodyBytes: maxBodyBytes,
  };
}

/** Longer contexts take memory that most conversations do not need. */
const DEFAULT_CONTEXT = 4096;

async function openService(
  model: Model,
  choice: TargetChoice,
  options: ServeOptions,
  limits: Limits,
  output: Output,
): Promise<Service> {
  const { max_position_embeddings: most } = model.config.config;
  const contextTokens = Math.min(options.context ?? DEFAULT_CONTEXT, most);
  const { maxSequences: sequences } = options;
  const target = await createTarget(choice, contextTokens, { model, sequences });
  const others = await createTarget(choice, contextTokens);
  const runnerOf = (head: 'tokens' | 'embedding'): ModelRunner =>
    new ModelRunner(model.graph({ logits: 'last', head }), others, others.open({}), contextTokens);
  const metrics = new Metrics();
  const engine = openEngine(model, target, contextTokens, options);
  const fit = engine.warmUp();
  if (fit < sequences) output.note(`there is room for ${fit} sequences at once, not ${sequences}`);
  const loop = new EngineLoop(engine, {
    metrics,
    waitingRequests: limits.waitingRequests,
    pause: letGo,
    report: (error) => output.note(reportText(error, output.verbose)),
  });
  const retrieval = new Retrieval(loop, {
    embedding: () => runnerOf('embedding'),
    ranking: () => runnerOf('tokens'),
  });
  return {
    name: options.alias ?? model.name,
    model,
    generation: model.checkpoint.generation,
    fingerprint: `celadon-${packageJson.version}-${choice.target}${choice.chip ? `-${choice.chip.name}` : ''}`,
    created: Math.floor(Date.now() / 1000),
    loop,
    limits,
    retrieval,
  };
}

/** Guesses need the logits of every token that is judged; a head also needs the rows below them. */
function openEngine(
  model: Model,
  target: Target,
  contextTokens: number,
  { maxSequences, draft, draftTokens }: ServeOptions,
): Engine {
  const limits = { contextTokens, maxSequences };
  const open = (graph: ReturnType<Model['graph']>, more: object = {}): Engine =>
    new Engine(graph, target, target.open({}), { ...limits, ...more });
  if (draft === undefined) return open(model.graph({ logits: 'last' }));
  if (draft === 'lookup') {
    return open(model.graph({ logits: 'all' }), { drafts: lookupDrafts(2, draftTokens ?? 8) });
  }
  const head = model.predictor({ logits: 'last' });
  const drafts = predictorDrafts(head, target, target.open({}), contextTokens, draftTokens ?? 1);
  return open(model.graph({ logits: 'all', hidden: true }), { drafts });
}

/** The first signal lets requests end; the second does not. */
function endOnSignals(server: RunningServer, output: Output): void {
  let asked = false;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.removeAllListeners(signal);
    process.on(signal, () => {
      if (asked) process.exit(1);
      asked = true;
      output.note(`${signal}: answering what was asked before; once more ends at once`);
      void server.drain().then(() => process.exit(0));
    });
  }
}

function tellStart(
  { url }: RunningServer,
  { name, loop }: Service,
  { target, chip }: TargetChoice,
  output: Output,
): void {
  const { contextTokens } = loop;
  if (output.json) {
    output.result({ url, model: name, target, chip: chip?.name ?? null, contextTokens });
    return;
  }
  const body = JSON.stringify({ messages: [{ role: 'user', content: 'hello' }] });
  output.line(`${name} on ${chip?.name ?? target}, ${contextTokens} tokens of context: ${url}`);
  output.line(`curl ${url}/v1/chat/completions -H 'content-type: application/json' -d '${body}'`);
}

function reportText(error: unknown, verbose: boolean): string {
  if (!(error instanceof Error)) return String(error);
  return verbose ? String(error.stack) : `${error.name}: ${error.message}`;
}

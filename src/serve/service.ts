/** What the endpoints work with. */
import type { GenerationConfig, Model } from '../model/index.ts';
import type { EngineLoop } from './engineLoop.ts';
import type { Limits } from './limits.ts';
import type { Retrieval } from './retrieval.ts';

export interface Service {
  /** What clients call the model. */
  readonly name: string;
  readonly model: Pick<Model, 'tokenizer' | 'chat'>;
  readonly generation: GenerationConfig;
  /** What runs it, for `system_fingerprint`: the version, the target and its chip. */
  readonly fingerprint: string;
  /** When the model was loaded: seconds since 1970. */
  readonly created: number;
  readonly loop: EngineLoop;
  readonly limits: Limits;
  readonly retrieval: Retrieval;
  /** Encodes a text on another thread. */
  readonly encodeLong?: (text: string) => Promise<number[]>;
}

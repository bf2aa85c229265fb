/** The module with all kernels: its bytes, and an instance on a memory. */
import { sha256Hex } from '../../../base/index.ts';
import {
  compileModule,
  instantiate,
  ModuleBuilder,
  type WasmMemory,
  type WasmModule,
} from '../../../wasm/index.ts';
import { noCodeStore, type CodeStore } from '../emitted/codeStore.ts';
import { PANEL_FORMAT_NAMES, type PanelFormatName } from '../panels/panelFormats.table.ts';
import { addAttention } from './attention.ts';
import { addAttentionParts } from './attendRows.ts';
import { addAttendTile } from './attendTile.ts';
import type { Kernels } from './bind.ts';
import { addBlocks } from './blocks.ts';
import { byteProductsOfHost, type ByteProducts } from './byteProducts.ts';
import { addCompression } from './compression.ts';
import { addElementwise } from './elementwise.ts';
import { addEmbeddingPanels } from './embeddingPanels.ts';
import { addExperts } from './experts.ts';
import { addExponential, addSigmoid, addSoftmax, addSoftplus } from './exponential.ts';
import { addRouteByToken, addScaleRow, addScoreExperts } from './gates.ts';
import { addFakeQuantize } from './fakeQuantize.ts';
import { addLinear } from './linear.ts';
import { addLinearPanels } from './linearPanels.ts';
import { memoryLimits } from './memories.ts';
import { addGatherRows, addMovement } from './movement.ts';
import { addNgrams } from './ngrams.ts';
import { WEIGHTS } from './panelCodes.ts';
import { addProducts } from './products.ts';
import { addQuantizeRows } from './quantizeRows.ts';
import { addRecurrences } from './recurrence.ts';
import { addRoute } from './route.ts';
import {
  addArgMax,
  addBroadcasts,
  addIndexOfLargest,
  addL2Normalization,
  addLayerNormalization,
  addRmsNormalization,
  addRotaryEmbedding,
} from './rows.ts';
import { addSelection } from './selection.ts';
import { addStreams } from './streams.ts';

/** What a module is emitted for; what it computes is the same. */
export interface KernelOptions {
  /** For a memory that threads share, or for one alone. */
  readonly shared?: boolean;
  /** Products of bytes that the host has; without them it is slower. */
  readonly products?: ByteProducts;
  /** Formats that panels may have; all unless said. */
  readonly formats?: readonly PanelFormatName[];
  /** Whether panels are in a memory of their own. */
  readonly separate?: boolean;
}

/** Emits the module. */
export function emitKernels({
  shared = false,
  products = 'none',
  formats = PANEL_FORMAT_NAMES,
  separate = false,
}: KernelOptions = {}): Uint8Array<ArrayBuffer> {
  const module = new ModuleBuilder();
  module.importMemory('host', 'memory', memoryLimits(shared), separate ? [] : [WEIGHTS]);
  if (separate) module.importMemory('host', WEIGHTS, memoryLimits(shared));
  const exp = addExponential(module);
  const sigmoid = addSigmoid(module);
  const softplus = addSoftplus(module, exp);
  const softmax = addSoftmax(module);
  const indexOfLargest = addIndexOfLargest(module);
  const linear = addLinear(module);
  addElementwise(module, softplus);
  addQuantizeRows(module);
  const linearPanels = addLinearPanels(module, { products, formats });
  addEmbeddingPanels(module, formats);
  const { attendRows, weightedSum } = addAttentionParts(module, { linear, softmax });
  const gatherRows = addGatherRows(module);
  const attendTile = addAttendTile(module, softmax);
  addAttention(module, { attendRows, attendTile, gatherRows });
  addSelection(module, linear);
  addMovement(module);
  addRmsNormalization(module);
  addL2Normalization(module);
  addNgrams(module);
  addProducts(module, sigmoid);
  addFakeQuantize(module);
  addLayerNormalization(module);
  addBroadcasts(module);
  addRotaryEmbedding(module);
  addArgMax(module, indexOfLargest);
  const scoreExperts = addScoreExperts(module, { sigmoid, softplus, softmax });
  const scaleRow = addScaleRow(module);
  addRoute(module, { scoreExperts, scaleRow, indexOfLargest });
  addRouteByToken(module, { scoreExperts, scaleRow });
  addExperts(module, { linear, linearPanels });
  addRecurrences(module, exp);
  addCompression(module, { exp, attendRows, gatherRows });
  addBlocks(module);
  addStreams(module, { sigmoid, softmax, weightedSum });
  return module.encode();
}

interface Compiled {
  readonly module: WasmModule;
  readonly hash: string;
  readonly sizeBytes: number;
}

const compiled = new Map<string, Compiled>();

/** The module for this host that reads these formats of panels, taken from the store and compiled once a process. */
export function compiledKernels(
  shared = false,
  formats: readonly PanelFormatName[] = PANEL_FORMAT_NAMES,
  separate = false,
  store: CodeStore = noCodeStore,
): Compiled {
  const key = `${shared} ${separate} ${formats.join(' ')}`;
  const known = compiled.get(key);
  if (known !== undefined) return known;
  const options = { shared, products: byteProductsOfHost(), formats, separate };
  const bytes = store.take(`kernels ${JSON.stringify(options)}`, () => emitKernels(options));
  const once: { module?: WasmModule; hash?: string } = {};
  const made = {
    get module() {
      return (once.module ??= compileModule(bytes));
    },
    sizeBytes: bytes.length,
    get hash() {
      return (once.hash ??= sha256Hex(bytes));
    },
  };
  compiled.set(key, made);
  return made;
}

/** The kernels on `memory`. */
export function instantiateKernels(memory: WasmMemory, shared = false): Kernels {
  return instantiate<Kernels>(compiledKernels(shared).module, { host: { memory } });
}

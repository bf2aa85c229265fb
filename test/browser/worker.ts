/** What the worker of the page starts with. */
import { generateText } from './generateText.ts';

const { text, tokens } = await generateText(async (path) => {
  const response = await fetch(`/${path}`);
  return new Uint8Array(await response.arrayBuffer());
}, 2);
const isolated = (globalThis as { crossOriginIsolated?: boolean }).crossOriginIsolated === true;
(globalThis as unknown as MessagePort).postMessage({ isolated, text, tokens });

/** A model's configuration by itself: a config.json, in a folder that need not hold weights. */
import fs from 'node:fs';
import path from 'node:path';
import type { JsonRecord } from '../../base/index.ts';
import { parseModelConfig, type ModelConfig } from './config.ts';
import { readJsonFile } from './json.node.ts';

export interface Configuration {
  /** The name of the folder. */
  readonly name: string;
  readonly raw: JsonRecord;
  readonly model: ModelConfig;
}

/** Whether this is a file, or a folder with a config.json and no tensors. */
export function isConfiguration(location: string): boolean {
  const status = fs.statSync(location, { throwIfNoEntry: false });
  if (status?.isDirectory() !== true)
    return status?.isFile() === true && location.endsWith('.json');
  const files = fs.readdirSync(location);
  return files.includes('config.json') && !files.some((file) => file.includes('.safetensors'));
}

/** Reads one. Throws as parseModelConfig does, FormatError for a file that is no JSON object. */
export function readConfiguration(location: string): Configuration {
  const isFile = !fs.statSync(location).isDirectory();
  const folder = isFile ? path.dirname(location) : location;
  const file = isFile ? path.basename(location) : 'config.json';
  const raw = readJsonFile(folder, file);
  const model = parseModelConfig(raw, path.join(folder, file));
  return { name: path.basename(path.resolve(folder)), raw, model };
}

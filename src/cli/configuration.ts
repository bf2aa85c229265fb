/** A model of which only the configuration is needed. */
import { catalogueModelNames, readCatalogueModel, type CatalogueModel } from '../model/index.ts';
import { builtinModelNames, openModel } from './models.ts';

export type Configuration = Pick<CatalogueModel, 'name' | 'model' | 'raw' | 'sources'>;

/** A name of the catalogue, or whatever `openModel` takes. */
export function openConfiguration(name: string): Configuration {
  const known = catalogueModelNames();
  if (known.includes(name) && !builtinModelNames().includes(name)) return readCatalogueModel(name);
  const { name: found, config, checkpoint } = openModel(name, known);
  return { name: found, model: config, raw: checkpoint.config, sources: [] };
}

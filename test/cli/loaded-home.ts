import { mkdir, writeFile } from 'node:fs/promises';
import { stringify } from 'yaml';
import type { Scenario } from '../generators/scenario.ts';
import { pipelineDocument } from '../generators/shape.ts';
import { bulkLoad } from '../summary/bulk-load.ts';
import { openProduct, type Product } from '../summary/product.ts';
import { type Home, newHome } from './harness.ts';

/** A folder to run command lines in, with a pipeline and its tables as they are before the scenario's runs. */
export interface LoadedHome extends Home {
  /** The pipeline file. */
  readonly pipeline: string;
  /** Opens the home's root in this process, for a moment. */
  visit<T>(action: (product: Product) => Promise<T>): Promise<T>;
}

export async function loadedHome(
  scenario: Scenario,
  document: Readonly<Record<string, unknown>>,
): Promise<LoadedHome> {
  const home = await newHome();
  const pipeline = `${home.path}/pipelines/proof.yaml`;
  async function visit<T>(action: (product: Product) => Promise<T>): Promise<T> {
    await using product = await openProduct({
      shape: scenario.shape,
      document,
      root: `${home.path}/.partwise`,
    });
    return await action(product);
  }
  await mkdir(`${home.path}/pipelines`);
  await writeFile(pipeline, stringify(pipelineDocument(scenario.shape, document)));
  await visit((product) => bulkLoad(product, scenario.initial));
  return { ...home, pipeline, visit };
}

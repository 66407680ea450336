import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { CheckpointRecord } from '../../lib/stores/ports.ts';
import type { Scenario } from '../generators/scenario.ts';
import { pipelineDocument } from '../generators/shape.ts';
import { bulkLoad } from '../summary/bulk-load.ts';
import { openProduct, type Product } from '../summary/product.ts';
import { type ChildOptions, type ChildResult, partwise } from './child.ts';

/** A folder with a pipeline file, bulk-loaded tables and the command line pointed at it. */
export interface Site extends AsyncDisposable {
  readonly root: string;
  readonly scenario: Scenario;
  /** `run`, `resume RUN`, ... in a process of its own. */
  cli(args: readonly string[], options?: ChildOptions): Promise<ChildResult>;
  /** Opens the site in this process, for a moment. */
  visit<T>(action: (product: Product) => Promise<T>): Promise<T>;
}

export async function makeSite(
  scenario: Scenario,
  document: Readonly<Record<string, unknown>> = {},
): Promise<Site> {
  const folder = await mkdtemp(join(tmpdir(), 'partwise-site-'));
  const root = join(folder, 'root');
  const pipeline = join(folder, 'proof.yaml');
  await writeFile(pipeline, stringify(pipelineDocument(scenario.shape, document)));
  const visit: Site['visit'] = async (action) => {
    await using product = await openProduct({ shape: scenario.shape, document, root });
    return await action(product);
  };
  await visit((product) => bulkLoad(product, scenario.initial));
  return {
    root,
    scenario,
    visit,
    cli: (args, options) =>
      partwise(
        [
          ...args,
          '--root',
          root,
          '--pipeline',
          pipeline,
          '--threads',
          '1',
          '--json',
          ...(args.includes('--memory') ? [] : ['--memory', '700MB']),
        ],
        options,
      ),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

/** The newest run of the site; undefined when it has none. */
export async function newestRun(site: Site) {
  return site.visit(async ({ world, config }) => (await world.state.runs.list(config.pipeline, 1))[0]);
}

export async function checkpointsOfRun(site: Site, runId: string): Promise<readonly CheckpointRecord[]> {
  return site.visit((product) => collect(product.world.state.checkpoints.list(runId)));
}

/** Attempts at each unit, by `stage/unit`. */
export async function attemptsOfRun(site: Site, runId: string): Promise<ReadonlyMap<string, number>> {
  const notes = await site.visit((product) => collect(product.world.state.checkpoints.notes(runId)));
  const attempts = new Map<string, number>();
  for (const { stage, unit } of notes)
    attempts.set(`${stage}/${unit}`, (attempts.get(`${stage}/${unit}`) ?? 0) + 1);
  return attempts;
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const collected: T[] = [];
  for await (const item of items) collected.push(item);
  return collected;
}

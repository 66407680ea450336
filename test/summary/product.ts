import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { stringify } from 'yaml';
import type { SummaryConfig } from '../../lib/config/index.ts';
import {
  type LocalWorld,
  type LocalWorldOptions,
  openLocalWorld,
  type RunOutcome,
  resumeRun,
  runPipeline,
} from '../../lib/run/local/local.ts';
import { writeFeedFile, writeSourceFile } from '../generators/files.ts';
import { batchesOf, feedOf, type Scenario, type SourceFile } from '../generators/scenario.ts';
import { oracleRules, pipelineDocument, type Shape } from '../generators/shape.ts';
import { type OracleTables, rebuild } from '../oracle/summary-oracle.ts';
import { parseSummary } from '../support/pipelines.ts';
import { comparable, latestDifferences, readTables } from './tables.ts';

export interface Product extends AsyncDisposable {
  readonly shape: Shape;
  readonly world: LocalWorld;
  readonly config: SummaryConfig;
  /** Drops the files into the pipeline's staging folder. */
  drop(files: readonly SourceFile[]): Promise<void>;
  /** Takes in what was dropped and runs it; whatever the outcome. */
  run(): Promise<RunOutcome>;
  resume(runId: string): Promise<RunOutcome>;
  /** Files dropped so far. */
  dropped(): number;
}

export interface ProductOptions extends Omit<LocalWorldOptions, 'root'> {
  readonly shape: Shape;
  /** Sections of the pipeline's document that replace the generated ones. */
  readonly document?: Readonly<Record<string, unknown>>;
  /** A folder to open again; a new one that goes with the product by default. */
  readonly root?: string;
}

export async function openProduct(options: ProductOptions): Promise<Product> {
  const { shape, document, root: given, ...worldOptions } = options;
  const root = given ?? (await mkdtemp(join(tmpdir(), 'partwise-proof-')));
  const config = await parseSummary(stringify(pipelineDocument(shape, document)), 'proof.yaml');
  const world = await openLocalWorld({ threads: 1, memoryBytes: 2 ** 30, ...worldOptions, root });
  let dropped = 0;
  return {
    shape,
    world,
    config,
    drop: async (files) => {
      for (const file of files) {
        dropped += 1;
        const folder = join(world.stagingPath, config.pipeline);
        if (file.feed !== undefined)
          await writeFeedFile(join(`${folder}-deletions`, file.name), { ...file, feed: file.feed, shape });
        else await writeSourceFile(join(folder, file.name), { ...file, shape });
      }
    },
    dropped: () => dropped,
    run: () => runPipeline({ world, config }),
    resume: (runId) => resumeRun({ world, config, runId }),
    [Symbol.asyncDispose]: async () => {
      await world.close();
      if (given === undefined) await rm(root, { recursive: true, force: true });
    },
  };
}

/** @throws an assertion error with the run's own error when it did not succeed */
export function expectSucceeded(outcome: RunOutcome): void {
  expect(outcome.run?.error).toBeUndefined();
  expect(outcome.run?.status).toBe('succeeded');
}

/** What the tables must hold after the first `runs` runs of the scenario. */
export function expectedTables(scenario: Scenario, runs = scenario.runs.length): OracleTables {
  return rebuild(
    oracleRules(scenario.shape),
    scenario.initial,
    batchesOf(scenario).slice(0, runs),
    feedOf(scenario, runs),
  );
}

export async function expectTables(product: Product, expected: OracleTables): Promise<void> {
  const stored = await readTables(product.world);
  expect(comparable(product.shape, stored)).toEqual(expected);
  expect(latestDifferences(stored)).toEqual([]);
}

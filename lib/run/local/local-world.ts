import { realpath } from 'node:fs/promises';
import { availableParallelism, totalmem } from 'node:os';
import { resolve } from 'node:path';
import { duckDbEngine } from '../../engine/duckdb.ts';
import type { SparkRunner } from '../../engine/spark.ts';
import { sparkOfEnvironment } from '../../engine/spark-environment.ts';
import { openDirectoryStore } from '../../stores/folder/directory.ts';
import { openDirectoryPending } from '../../stores/folder/directory-pending.ts';
import { openLocalFiles } from '../../stores/folder/local-files.ts';
import { makeRoot } from '../../stores/folder/root-folder.ts';
import type { CatalogPointer, Clock } from '../../stores/ports.ts';
import { openSqliteCatalog } from '../../stores/sqlite/catalog.ts';
import { openSqliteState } from '../../stores/sqlite/state.ts';
import type { ProgressEvent } from '../progress-event.ts';
import type { World } from '../workload.ts';

export interface LocalWorldOptions {
  /** Folder that holds everything: staging, warehouse, results, work, `catalog.db`, `state.db`. */
  readonly root: string;
  readonly threads?: number;
  readonly memoryBytes?: number;
  readonly clock?: Clock;
  readonly onProgress?: (event: ProgressEvent) => void;
  readonly step?: World['step'];
  /** Default: what the environment names, see `sparkOfEnvironment`. */
  readonly spark?: SparkRunner;
  /** Wraps the catalog; tests inject faults here. */
  readonly wrapCatalog?: (catalog: CatalogPointer) => CatalogPointer;
}

export interface LocalWorld extends World, AsyncDisposable {
  readonly rootPath: string;
  readonly stagingPath: string;
  close(): Promise<void>;
}

/** The catalog's name: it is part of the rows of `iceberg_tables`, so every reader must use it. */
export const localCatalogName = 'partwise';

/** The embedded default: a directory, two SQLite files and DuckDB in this process. */
export async function openLocalWorld(options: LocalWorldOptions): Promise<LocalWorld> {
  await makeRoot(resolve(options.root));
  const rootPath = await realpath(resolve(options.root));
  const stagingPath = `${rootPath}/staging`;
  await makeRoot(stagingPath);
  const clock = options.clock ?? { now: () => Date.now() };
  const state = await openSqliteState({ path: `${rootPath}/state.db`, clock });
  const opened = await openSqliteCatalog({ path: `${rootPath}/catalog.db`, name: localCatalogName });
  const catalog = options.wrapCatalog?.(opened) ?? opened;
  const resources = {
    threads: options.threads ?? availableParallelism(),
    memoryBytes: options.memoryBytes ?? Math.floor(totalmem() / 2),
  };
  const workRoot = `${rootPath}/work`;
  const ownSpark =
    options.spark === undefined
      ? await sparkOfEnvironment(process.env, { ...resources, workRoot })
      : undefined;
  const spark = options.spark ?? ownSpark;
  const close = async () => {
    await ownSpark?.[Symbol.asyncDispose]();
    await state.close();
    opened[Symbol.dispose]();
  };
  return {
    rootPath,
    stagingPath,
    staging: openLocalFiles(),
    warehouse: await openDirectoryStore({ path: `${rootPath}/warehouse` }),
    pending: await openDirectoryPending({ path: `${rootPath}/warehouse` }),
    results: await openDirectoryStore({ path: `${rootPath}/results` }),
    catalog,
    state,
    engine: duckDbEngine,
    ...(spark === undefined ? {} : { spark }),
    clock,
    workRoot,
    resources,
    progress: options.onProgress ?? (() => undefined),
    step: options.step ?? killSwitch(process.env['PARTWISE_KILL_AT']),
    close,
    [Symbol.asyncDispose]: close,
  };
}

/**
 * For fault tests: `PARTWISE_KILL_AT=<step>[:n]` ends the process by SIGKILL the n-th time (default first) that a
 * run reaches the step. Without the variable it does nothing.
 */
function killSwitch(at: string | undefined): World['step'] {
  if (at === undefined || at === '') return async () => undefined;
  const match = /^(.*?)(?:#(\d+))?$/.exec(at);
  let left = Number(match?.[2] ?? 1);
  return async (name) => {
    if (name !== match?.[1]) return;
    left -= 1;
    if (left === 0) process.kill(process.pid, 'SIGKILL');
  };
}

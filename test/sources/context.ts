import { copyFile, mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { SummaryConfig } from '../../lib/config/index.ts';
import { openDuckDb } from '../../lib/engine/duckdb.ts';
import type { EngineSession, SqlRow } from '../../lib/engine/engine.ts';
import { text } from '../../lib/engine/sql.ts';
import { contentVersion } from '../../lib/run/sources/version.ts';
import type { Prepared, RunContext, World } from '../../lib/run/workload.ts';
import type { IntakeItem, ObjectStore } from '../../lib/stores/ports.ts';
import { prepare } from '../../lib/summary/prepare/prepare.ts';
import { parseSummary } from '../support/pipelines.ts';

/** A folder in which files can be prepared, with the stores reduced to what `prepare` uses. */
export interface Bench extends AsyncDisposable {
  readonly folder: string;
  readonly config: SummaryConfig;
  readonly context: RunContext;
  /** Writes a staging file and describes its arrival. */
  stage(name: string, content: string | Uint8Array, feed?: string): Promise<IntakeItem>;
  /** Runs SQL that writes a staging file to `$path`. */
  stageSql(name: string, sql: string, feed?: string): Promise<IntakeItem>;
  prepare(item: IntakeItem): Promise<Prepared>;
  rows(prepared: Prepared): Promise<readonly SqlRow[]>;
  quarantine(prepared: Prepared): Promise<readonly Record<string, unknown>[]>;
}

export async function openBench(
  config: SummaryConfig | string,
  { memoryBytes = 900e6 }: { readonly memoryBytes?: number } = {},
): Promise<Bench> {
  const folder = await mkdtemp(join(tmpdir(), 'partwise-sources-'));
  const parsed = typeof config === 'string' ? await parseSummary(config, 'test.yaml') : config;
  const filled = { ...parsed, tables: { ...parsed.tables, buckets: parsed.tables.buckets ?? 4 } };
  const session = (name: string): Promise<EngineSession> =>
    openDuckDb({
      memoryBytes,
      threads: 2,
      workFolder: join(folder, 'work', `${name}-${Math.random().toString(36).slice(2)}`),
    });
  const adopt: ObjectStore['adopt'] = async (path, location) => {
    const target = fileURLToPath(location);
    await mkdir(dirname(target), { recursive: true });
    await copyFile(path, target);
    await rm(path);
    return { location, sizeBytes: (await stat(target)).size, modifiedMs: 0 };
  };
  const localPath: ObjectStore['localPath'] = async (location) => fileURLToPath(location);
  const context = {
    world: { staging: { localPath }, results: { adopt, localPath } } as unknown as World,
    config: filled,
    runId: 'r1',
    attempt: 1,
    epoch: 1,
    planGeneration: 1,
    remainingMs: () => Number.POSITIVE_INFINITY,
    memoryBytes: 2 ** 28,
    threads: 2,
    branch: 'main',
    batch: undefined,
    task: undefined,
    folder: pathToFileURL(join(folder, 'runs', 'r1')).href,
    signal: new AbortController().signal,
    session,
  } satisfies RunContext;

  const arrival = async (path: string, feed: string): Promise<IntakeItem> => ({
    pipeline: filled.pipeline,
    feed,
    location: pathToFileURL(path).href,
    version: await contentVersion(path),
    sizeBytes: (await stat(path)).size,
    sequencer: '',
    arrivedMs: 0,
    status: 'claimed',
    runId: 'r1',
    reason: undefined,
  });
  const stagingPath = async (name: string) => {
    const path = join(folder, 'staging', name);
    await mkdir(dirname(path), { recursive: true });
    return path;
  };
  const query = async (sql: string) => {
    await using engine = await session('query');
    return await engine.query(sql);
  };
  return {
    folder,
    config: filled,
    context,
    stage: async (name, content, feed = 'records') => {
      const path = await stagingPath(name);
      await writeFile(path, content);
      return arrival(path, feed);
    },
    stageSql: async (name, sql, feed = 'records') => {
      const path = await stagingPath(name);
      await query(sql.replaceAll('$path', () => text(path)));
      return arrival(path, feed);
    },
    prepare: (item) => prepare(context, item),
    rows: async ({ rowsLocation }) =>
      rowsLocation === undefined
        ? []
        : query(
            `SELECT * EXCLUDE (file_row_number) FROM read_parquet(${text(fileURLToPath(rowsLocation))}, file_row_number = true) ORDER BY file_row_number`,
          ),
    quarantine: async ({ quarantineLocation }) => {
      if (quarantineLocation === undefined) return [];
      const { readFile } = await import('node:fs/promises');
      const lines = (await readFile(fileURLToPath(quarantineLocation), 'utf8')).trimEnd().split('\n');
      return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

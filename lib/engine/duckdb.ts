import { mkdir, rm } from 'node:fs/promises';
import { isAbsolute } from 'node:path';
import { type DuckDBConnection, DuckDBInstance, type DuckDBValue } from '@duckdb/node-api';
import { UnitTooLargeError } from '../errors.ts';
import { storageError } from '../storage-error.ts';
import { registerFunctions } from './duckdb-functions.ts';
import { plainValue } from './duckdb-values.ts';
import { readWrittenFiles } from './duckdb-written.ts';
import type {
  Engine,
  EngineOptions,
  EngineSession,
  FieldIdTree,
  SqlRow,
  WriteParquetOptions,
} from './engine.ts';
import { identifier, text } from './sql.ts';

/** DuckDB in this process: one instance per session, so that a unit's memory, spill and threads are its own. */
export const duckDbEngine: Engine = { open: openDuckDb };

/**
 * Opens an instance with a work folder of its own; instances that share a spill folder crash the process
 * (https://github.com/duckdb/duckdb/issues/15173).
 */
export async function openDuckDb(options: EngineOptions): Promise<EngineSession> {
  const { workFolder } = options;
  if (!isAbsolute(workFolder)) throw new TypeError(`the work folder must be absolute: ${workFolder}`);
  await mkdir(workFolder, { recursive: true });
  const instance = await DuckDBInstance.create(':memory:', {
    threads: String(Math.max(1, Math.floor(options.threads))),
    memory_limit: `${Math.max(64, Math.floor(options.memoryBytes / 2 ** 20))}MiB`,
    temp_directory: `${workFolder}/spill`,
    preserve_insertion_order: 'false',
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
  });
  const connection = await instance.connect();
  await connection.run("SET TimeZone='UTC'");
  await registerFunctions(connection);
  return session(instance, connection, workFolder);
}

function session(instance: DuckDBInstance, connection: DuckDBConnection, workFolder: string): EngineSession {
  const inFlight = new Set<Promise<unknown>>();
  const run = async <T>(sql: string, action: (sql: string) => Promise<T>): Promise<T> => {
    const statement = action(sql);
    inFlight.add(statement);
    try {
      return await statement;
    } catch (cause) {
      throw named(cause, sql);
    } finally {
      inFlight.delete(statement);
    }
  };

  return {
    workFolder,
    execute: async (sql) => {
      await run(sql, (text_) => connection.run(text_));
    },
    query: (sql) =>
      run(sql, async (text_) => {
        const reader = await connection.runAndReadAll(text_);
        return reader.getRowObjects().map(plainRow);
      }),
    async *stream(sql) {
      const result = await run(sql, (text_) => connection.stream(text_));
      for await (const rows of result.yieldRowObjects()) yield rows.map(plainRow);
    },
    async writeParquet(options) {
      const statement = `COPY (${options.select}) TO ${text(options.path)} (${copyOptions(options)})`;
      return run(statement, async (text_) =>
        readWrittenFiles((await connection.runAndReadAll(text_)).getRowObjects()),
      );
    },
    interrupt: () => connection.interrupt(),
    async [Symbol.asyncDispose]() {
      // Closing under a running statement crashes or hangs the process, and an interrupt that comes before the
      // statement has begun is lost: so again and again until nothing runs.
      const again = setInterval(() => connection.interrupt(), 20);
      await Promise.allSettled(inFlight);
      clearInterval(again);
      connection.closeSync();
      instance.closeSync();
      await rm(workFolder, { recursive: true, force: true });
    },
  };
}

function copyOptions(options: WriteParquetOptions): string {
  const parts = ['FORMAT parquet', 'COMPRESSION zstd', 'RETURN_STATS true'];
  if (options.encoding === 'delta') parts.push('PARQUET_VERSION v2');
  if (options.rowGroupRows !== undefined) parts.push(`ROW_GROUP_SIZE ${Math.floor(options.rowGroupRows)}`);
  if (options.fieldIds !== undefined) parts.push(`FIELD_IDS ${fieldIds(options.fieldIds)}`);
  if (options.partitionBy !== undefined && options.partitionBy.length > 0) {
    parts.push(
      `PARTITION_BY (${options.partitionBy.map(identifier).join(', ')})`,
      'OVERWRITE_OR_IGNORE true',
    );
  }
  return parts.join(', ');
}

function fieldIds(tree: FieldIdTree, id?: number): string {
  const entries = Object.entries(tree).map(
    ([name, value]) =>
      `${identifier(name)}: ${typeof value === 'number' ? value : fieldIds(value.children, value.id)}`,
  );
  return `{${[...(id === undefined ? [] : [`__duckdb_field_id: ${id}`]), ...entries].join(', ')}}`;
}

/** The same object, its values made plain. */
function plainRow(row: Record<string, DuckDBValue>): SqlRow {
  const plain: Record<string, unknown> = row;
  for (const [name, value] of Object.entries(row))
    if (value !== null && typeof value === 'object') plain[name] = plainValue(value);
  return plain;
}

/** Out of memory is a size, not a bug: the caller can split the unit or move it. A full disk is one for a person. */
function named(cause: unknown, sql: string): unknown {
  const known = storageError(cause);
  if (known !== cause) return known;
  const message = cause instanceof Error ? cause.message : String(cause);
  if (/Out of Memory|could not allocate block|failed to offload/i.test(message)) {
    return new UnitTooLargeError(`the engine ran out of memory or disk: ${firstLine(message)}`, {
      cause,
      details: { sql: sql.slice(0, 4_000) },
    });
  }
  if (cause instanceof Error) cause.message = `${cause.message}\nin: ${sql.slice(0, 2_000)}`;
  return cause;
}

function firstLine(message: string): string {
  return message.split('\n', 1)[0] ?? message;
}

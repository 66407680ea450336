import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { CatalogBusyError, CommitConflictError, CommitStateUnknownError } from '../../errors.ts';
import { normalizeLocation } from '../location.ts';
import type { CatalogPointer, Location, PointerSwap, TableIdentifier } from '../ports.ts';

export interface SqliteCatalogOptions {
  /** Absolute path of the database file. */
  readonly path: string;
  /** `catalog_name` of every row: Spark and pyiceberg must be given the same name. */
  readonly name: string;
  /** How long a writer waits for another one. Default 30 s. */
  readonly busyTimeoutMs?: number;
}

export interface SqliteCatalog extends CatalogPointer, Disposable {
  createNamespace(namespace: string): Promise<void>;
}

/** Schema V1 of Iceberg's JDBC catalog (org.apache.iceberg.jdbc.JdbcUtil), column for column. */
const tables = `
  CREATE TABLE IF NOT EXISTS iceberg_tables (
    catalog_name VARCHAR(255) NOT NULL, table_namespace VARCHAR(255) NOT NULL, table_name VARCHAR(255) NOT NULL,
    metadata_location VARCHAR(1000), previous_metadata_location VARCHAR(1000), iceberg_type VARCHAR(5),
    PRIMARY KEY (catalog_name, table_namespace, table_name));
  CREATE TABLE IF NOT EXISTS iceberg_namespace_properties (
    catalog_name VARCHAR(255) NOT NULL, namespace VARCHAR(255) NOT NULL, property_key VARCHAR(255) NOT NULL, property_value VARCHAR(1000),
    PRIMARY KEY (catalog_name, namespace, property_key));`;

const isTable = "(iceberg_type = 'TABLE' OR iceberg_type IS NULL)";

/**
 * Iceberg's JDBC catalog tables in one SQLite file, which Spark and pyiceberg open as their own catalog.
 * It is in write-ahead mode: in rollback mode any reader that stays keeps every writer from committing, and Spark's JDBC
 * catalog is one, because its check for these tables never closes its result. That connection goes on seeing the catalog
 * of that moment, so Spark must be given `jdbc.init-catalog-tables = false`.
 */
export async function openSqliteCatalog(options: SqliteCatalogOptions): Promise<SqliteCatalog> {
  mkdirSync(dirname(options.path), { recursive: true });
  const database = new DatabaseSync(options.path, { timeout: options.busyTimeoutMs ?? 30_000 });
  useWriteAheadLog(database);
  database.exec('PRAGMA synchronous = FULL');
  const columnsOfTables = () =>
    database
      .prepare('PRAGMA table_info(iceberg_tables)')
      .all()
      .map((column) => column['name']);
  if (!columnsOfTables().includes('iceberg_type')) {
    inTransaction(database, () => {
      database.exec(tables);
      // A catalog that was made by schema V0 (Spark's default) lacks the type of a row.
      if (!columnsOfTables().includes('iceberg_type'))
        database.exec('ALTER TABLE iceberg_tables ADD COLUMN iceberg_type VARCHAR(5)');
    });
  }

  const name = options.name;
  const selectCurrent = database.prepare(
    `SELECT metadata_location FROM iceberg_tables WHERE catalog_name = ? AND table_namespace = ? AND table_name = ? AND ${isTable}`,
  );
  const selectAll = database.prepare(
    `SELECT table_namespace, table_name FROM iceberg_tables WHERE catalog_name = ? AND (? IS NULL OR table_namespace = ?) AND ${isTable} ORDER BY 1, 2`,
  );
  const insert = database.prepare(
    `INSERT INTO iceberg_tables (catalog_name, table_namespace, table_name, metadata_location, previous_metadata_location, iceberg_type)
     VALUES (?, ?, ?, ?, NULL, 'TABLE') ON CONFLICT DO NOTHING`,
  );
  const update = database.prepare(
    `UPDATE iceberg_tables SET metadata_location = ?, previous_metadata_location = ?
     WHERE catalog_name = ? AND table_namespace = ? AND table_name = ? AND metadata_location = ? AND ${isTable}`,
  );
  const remove = database.prepare(
    'DELETE FROM iceberg_tables WHERE catalog_name = ? AND table_namespace = ? AND table_name = ?',
  );
  const insertNamespace = database.prepare(
    "INSERT INTO iceberg_namespace_properties VALUES (?, ?, 'exists', 'true') ON CONFLICT DO NOTHING",
  );

  const currentOf = (identifier: TableIdentifier): Location | undefined => {
    const row = selectCurrent.get(name, identifier.namespace, identifier.name);
    const location = row?.['metadata_location'];
    return typeof location === 'string' ? location : undefined;
  };

  function apply({ identifier, expected, next }: PointerSwap): void {
    const current = currentOf(identifier);
    const same =
      expected === undefined
        ? current === undefined
        : current !== undefined && normalizeLocation(current) === normalizeLocation(expected);
    let changes = 0;
    if (same && current === undefined) {
      insertNamespace.run(name, identifier.namespace);
      changes = Number(insert.run(name, identifier.namespace, identifier.name, next).changes);
    } else if (same && current !== undefined) {
      changes = Number(
        update.run(next, current, name, identifier.namespace, identifier.name, current).changes,
      );
    }
    if (changes === 1) return;
    throw new CommitConflictError(
      `table ${identifier.namespace}.${identifier.name} was changed by another writer`,
      {
        details: { identifier, expected, current },
        safe: 'the table is as the other writer left it',
      },
    );
  }

  return {
    name,
    multiTable: true,
    current: async (identifier) => currentOf(identifier),
    list: async (namespace) =>
      selectAll
        .all(name, namespace ?? null, namespace ?? null)
        .map((row) => ({ namespace: String(row['table_namespace']), name: String(row['table_name']) })),
    swap: async (swaps) => inTransaction(database, () => swaps.forEach(apply)),
    drop: async (identifier) => {
      remove.run(name, identifier.namespace, identifier.name);
    },
    createNamespace: async (namespace) => {
      insertNamespace.run(name, namespace);
    },
    [Symbol.dispose]: () => database.close(),
  };
}

/** The mode stays with the file. A reader that is there already keeps it from changing; then it stays as it is. */
function useWriteAheadLog(database: DatabaseSync): void {
  try {
    database.exec('PRAGMA journal_mode = WAL');
  } catch (cause) {
    if (!isBusy(cause)) throw cause;
  }
}

/** IMMEDIATE takes the write lock before the first read, so what is read stays true until COMMIT. */
function inTransaction(database: DatabaseSync, action: () => void): void {
  try {
    database.exec('BEGIN IMMEDIATE');
  } catch (cause) {
    throw isBusy(cause) ? busy(cause) : cause;
  }
  try {
    action();
  } catch (cause) {
    rollback(database);
    throw cause;
  }
  try {
    database.exec('COMMIT');
  } catch (cause) {
    // A busy COMMIT has not committed and can be rolled back; anything else leaves the outcome open.
    if (isBusy(cause) && rollback(database)) throw busy(cause);
    throw new CommitStateUnknownError('the catalog did not say whether the commit landed', { cause });
  }
}

function busy(cause: unknown): CatalogBusyError {
  return new CatalogBusyError('the catalog file is locked by another program', {
    cause,
    safe: 'nothing was committed',
    next: 'run the same again; if it stays locked, close the programs that have the catalog open',
  });
}

function rollback(database: DatabaseSync): boolean {
  try {
    database.exec('ROLLBACK');
    return true;
  } catch {
    // The first error is the one to report.
    return false;
  }
}

function isBusy(cause: unknown): boolean {
  return cause instanceof Error && 'errcode' in cause && (cause.errcode === 5 || cause.errcode === 6);
}

import type { CatalogPointer } from "./ports.ts";

export interface SqliteCatalog extends CatalogPointer, Disposable {
  /** Namespaces exist once a table is in them, or when made here. */
  createNamespace(namespace: string): Promise<void>;
}

/** Iceberg's JDBC catalog tables (schema V1) in one SQLite file, which Spark and pyiceberg open as their own. */
export function openSqliteCatalog(options: { readonly path: string; readonly name: string; readonly busyTimeoutMs?: number }): Promise<SqliteCatalog> {
  throw new Error(`not here yet: ${options.path}`);
}

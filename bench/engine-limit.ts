import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { SparkOutcome, SparkStays, SparkTable, SparkTask, SparkUnit } from '../lib/engine/spark.ts';
import { spark } from '../lib/engine/spark-dialect.ts';
import { joinLocation } from '../lib/stores/location.ts';

/** `copy`: all columns of the unit's files are read and written; `read`: they are read only. */
export const limitKinds = ['copy', 'read'] as const;
export type LimitKind = (typeof limitKinds)[number];

interface Limit {
  readonly kind: LimitKind;
  readonly task: SparkTask;
}

/**
 * The limit of a unit of `apply`: the least that Spark can do to its files, by the same runner, in the same process. Where the unit copies
 * files, a plain copy of all of them, a task a file, through the same writer to a table like the unit's own; else a read of all columns.
 */
export async function limitOf(task: SparkTask): Promise<Limit> {
  const unit = JSON.parse(await readFile(fileURLToPath(task.specification), 'utf8')) as SparkUnit;
  const files = unit.inputs.find(({ view }) => view === 'pw_rows');
  const table = unit.outputs.find((output) => output.kind === 'table');
  if (files?.fields === undefined || table === undefined)
    throw new Error(`${task.specification} is no unit of apply`);
  const { places: _, ...plain } = files;
  const columns = files.fields.map(({ name }) => name);
  const limit: SparkUnit = {
    ...unit,
    inputs: [plain],
    statements: [],
    ...(table.stays === undefined
      ? { outputs: [], queries: { read: `SELECT ${counts(columns)} FROM ${plain.view}` } }
      : { outputs: [await copyOf(table, table.stays, plain.view)] }),
  };
  const besides = (location: string) => location.replace(/\.json$/, '.limit.json');
  const specification = besides(task.specification);
  await writeFile(fileURLToPath(specification), JSON.stringify(limit));
  return {
    kind: table.stays === undefined ? 'read' : 'copy',
    task: { specification, report: besides(task.report) },
  };
}

/** @throws when Spark did not do it */
export async function checkLimit(task: SparkTask): Promise<void> {
  const outcome = JSON.parse(await readFile(fileURLToPath(task.report), 'utf8')) as SparkOutcome;
  if (outcome.outcome !== 'done') throw new Error(`the limit failed: ${outcome.error.message}`);
}

/** A count of each column's values, so that all of them are decoded and hardly anything is done with them. */
function counts(columns: readonly string[]): string {
  return columns.map((name) => `count(${spark.identifier(name)})`).join(', ');
}

/** The unit's table, and its output into it, once more under a name besides. */
async function copyOf(table: SparkTable, { fileBytes }: SparkStays, view: string): Promise<SparkTable> {
  const metadata = (path: string) => fileURLToPath(joinLocation(path, 'metadata', 'v1.metadata.json'));
  const path = `${table.path}-limit`;
  const text = await readFile(metadata(table.path), 'utf8');
  const { schemas, properties } = JSON.parse(text) as TableMetadata;
  const columns = schemas.flatMap(({ fields }) =>
    fields.map(({ id, name }) => `${spark.identifier(`c${id}`)} AS ${spark.identifier(name)}`),
  );
  const data = properties['write.data.path'];
  await mkdir(dirname(metadata(path)), { recursive: true });
  await writeFile(metadata(path), text.replaceAll(table.path, path).replaceAll(data, `${data}-limit`));
  return {
    kind: 'table',
    select: `SELECT ${columns.join(', ')} FROM ${view}`,
    path,
    stays: { rows: [], fileBytes },
  };
}

interface TableMetadata {
  readonly schemas: readonly [{ readonly fields: readonly { readonly id: number; readonly name: string }[] }];
  readonly properties: { readonly 'write.data.path': string };
}

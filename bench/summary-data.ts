import { mkdir, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { openDuckDb } from '../lib/engine/duckdb.ts';
import { text } from '../lib/engine/sql.ts';

/** Shapes and data of the summary benchmark, made by SQL from nothing but their parameters. */
export interface Shape {
  readonly accounts: number;
  readonly months: number;
  readonly historyColumns: number;
  /** undefined: as the product chooses. */
  readonly buckets: number | undefined;
}

/** Entries of each array. */
export const historyLength = 36;
export const historyNames = (shape: Shape) =>
  Array.from({ length: shape.historyColumns }, (_, index) => `v${index + 1}`);

/** @param maintenance `none`: a measured run does its own work only */
export function pipelineYaml(
  shape: Shape,
  rewrite: string,
  maintenance: 'auto' | 'none' = 'none',
  work = '',
): string {
  return `
pipeline: bench
kind: summary
columns:
  - {name: account_id, type: bigint}
  - {name: month, type: month}
  - {name: base_ts, type: timestamp}
${historyNames(shape)
  .map((name) => `  - {name: ${name}, type: bigint}`)
  .join('\n')}
  - {name: soft_delete, type: string}
key: account_id
month: month
version: base_ts
history:
${historyNames(shape)
  .map((name) => `  - {name: ${name}}`)
  .join('\n')}
historyLength: ${historyLength}
delete: {column: soft_delete}
tables: {${shape.buckets === undefined ? `expectedKeys: ${shape.accounts}` : `buckets: ${shape.buckets}`}}
work: {rewrite: ${rewrite}${work}}
maintenance: {auto: ${maintenance === 'auto'}}
`;
}

/** Month number 0 is the table's first month, 2023-01. */
const monthText = (expression: string) =>
  `strftime(DATE '2023-01-01' + INTERVAL (${expression}) MONTH, '%Y-%m')`;
const value = (column: number, account: string, month: string, salt: number) =>
  `CAST(hash(${account}, ${month}, ${column}, ${salt}) % 1000000 AS BIGINT)`;

interface Batch {
  /** Relation with the columns account, month (number), deleted (boolean). */
  readonly rows: string;
  readonly version: string;
  readonly salt: number;
}

async function writeBatch(shape: Shape, batch: Batch, path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await rm(path, { force: true });
  await using session = await openDuckDb({ memoryBytes: 2e9, threads: 2, workFolder: `${path}.work` });
  const columns = historyNames(shape).map(
    (name, index) => `${value(index, 'account', 'month', batch.salt)} AS ${name}`,
  );
  await session.execute(`COPY (
    SELECT CAST(account AS BIGINT) AS account_id, ${monthText('CAST(month AS INT)')} AS month, TIMESTAMP ${text(batch.version)} AS base_ts,
      ${columns.join(', ')}, CASE WHEN deleted THEN '1' END AS soft_delete
    FROM (${batch.rows})) TO ${text(path)} (FORMAT parquet, COMPRESSION zstd)`);
}

const cross = (accounts: string, months: string, deleted = 'false') =>
  `SELECT a.account, m.month, ${deleted} AS deleted FROM (${accounts}) a, (${months}) m`;

export function initialLoad(shape: Shape, path: string): Promise<void> {
  const rows = cross(
    `SELECT range AS account FROM range(${shape.accounts})`,
    `SELECT range AS month FROM range(${shape.months})`,
  );
  return writeBatch(shape, { rows, version: '2026-01-15 00:00:00', salt: 0 }, path);
}

/** A corrected record of the month 12 before the newest for a fraction of the accounts. */
export function backfill(shape: Shape, fraction: number, path: string): Promise<void> {
  const every = Math.round(1 / fraction);
  const rows = cross(
    `SELECT range AS account FROM range(${shape.accounts}) WHERE range % ${every} = 0`,
    `SELECT ${shape.months - 13} AS month`,
  );
  return writeBatch(shape, { rows, version: '2026-02-01 00:00:00', salt: 1 }, path);
}

/** The months whose arrays hold the backfilled month: position 1 in the first of them. */
export function monthsAfterBackfill(shape: Shape): readonly string[] {
  return Array.from({ length: 12 }, (_, index) =>
    new Date(Date.UTC(2023, shape.months - 12 + index)).toISOString().slice(0, 7),
  );
}

/** A day: the forward month for 2 %, corrections of the three newest months for 0.5 %, 0.1 % deletes, 0.5 % new accounts. */
export function mixedDay(shape: Shape, path: string): Promise<void> {
  const some = (every: number, rest: number) =>
    `SELECT range AS account FROM range(${shape.accounts}) WHERE range % ${every} = ${rest}`;
  const parts = [
    cross(some(50, 1), `SELECT ${shape.months} AS month`),
    cross(some(200, 3), `SELECT ${shape.months} - 1 - range AS month FROM range(3)`),
    cross(some(1_000, 7), `SELECT ${shape.months - 2} AS month`, 'true'),
    cross(
      `SELECT ${shape.accounts} + range AS account FROM range(${Math.ceil(shape.accounts / 200)})`,
      `SELECT ${shape.months - 1} AS month`,
    ),
  ];
  return writeBatch(
    shape,
    { rows: parts.join(' UNION ALL '), version: '2026-02-02 00:00:00', salt: 2 },
    path,
  );
}

/** Three records: the fixed cost of a run. */
export function tiny(shape: Shape, path: string): Promise<void> {
  const rows = cross('SELECT range AS account FROM range(3)', `SELECT ${shape.months} AS month`);
  return writeBatch(shape, { rows, version: '2026-02-03 00:00:00', salt: 3 }, path);
}

import type { EngineSession } from '../../engine/engine.ts';
import { identifier, text } from '../../engine/sql.ts';
import { bucketOf, type Schema } from '../../iceberg/index.ts';
import type { World } from '../../run/workload.ts';
import { liveRows, rowPlace, type ScannedFile } from '../../upkeep/live-rows.ts';
import { rowsChecksum } from '../../upkeep/rows-checksum.ts';
import type { Noted } from '../audit/findings.ts';
import type { SummaryShape } from '../tables/columns.ts';
import type { Role } from '../tables/tables.ts';

/** A new file, and the cell that it is in. */
export interface NewFile {
  readonly location: string;
  readonly rows: number;
  /** `YYYY-MM`; empty in tables without months. */
  readonly month: string;
  readonly bucket: number;
}

interface CompareOptions {
  readonly world: World;
  readonly session: EngineSession;
  readonly shape: SummaryShape;
  readonly schema: Schema;
  readonly role: Role;
  /** N of the buckets afterwards. */
  readonly to: number;
  /** Read through their delete files. */
  readonly before: readonly ScannedFile[];
  readonly after: readonly NewFile[];
  readonly findings: Noted;
  /** Names what is compared, for people. */
  readonly what: string;
}

/**
 * Whether the new files hold the rows of the old ones, each once and in its own cell: by a checksum over all columns of all
 * rows, by the month and the bucket of every row, and for some keys of each file by the bucket transform in other code.
 * @returns the rows before
 */
export async function compareRows(options: CompareOptions): Promise<number> {
  const { world, session, schema, before, findings, role, what } = options;
  const columns = schema.fields.map(({ name }) => name);
  const [old] = await session.query(
    `SELECT count(*) AS n, ${rowsChecksum(columns)} AS checksum FROM ${await liveRows({ store: world.warehouse, schema, files: before })}`,
  );
  const [fresh] = await session.query(
    `SELECT count(*) AS n, ${rowsChecksum(columns)} AS checksum FROM ${await newRows(options)}`,
  );
  const said = (row: typeof old) => `${row?.['n']} rows, checksum ${row?.['checksum']}`;
  const rows = Number(old?.['n'] ?? 0);
  findings.checked('carried rows', rows);
  if (said(old) !== said(fresh))
    findings.failed('carried rows', `${role}, ${what}: ${said(old)} became ${said(fresh)}`);
  await compareCells(options);
  return rows;
}

function newRows({ world, schema, after }: CompareOptions, columns?: readonly string[]): Promise<string> {
  return liveRows({
    store: world.warehouse,
    schema,
    files: after.map(({ location }) => ({ location, deletes: [] })),
    ...(columns === undefined ? {} : { columns, place: true }),
  });
}

const sampledKeys = 20;

async function compareCells(options: CompareOptions): Promise<void> {
  const { session, shape, role, to, after, findings } = options;
  const key = identifier(shape.key.name);
  const month = identifier(shape.month.name);
  const byText = shape.key.icebergType === 'string';
  const bucket = byText ? `pw_bucket_text(r.${key}, ${to})` : `pw_bucket_long(r.${key}::BIGINT, ${to})`;
  const cells = after.map((file, no) => `(${no}, ${text(file.month)}, ${file.bucket})`);
  if (cells.length === 0) return;
  const found = await session.query(
    `SELECT r.${rowPlace.file} AS no, count(*) AS n, count(*) FILTER (${bucket} IS DISTINCT FROM c.bucket${role === 'summary' ? ` OR r.${month} IS DISTINCT FROM c.month` : ''}) AS wrong, arg_min(r.${key}, hash(r.${key}), ${sampledKeys}) AS keys
      FROM ${await newRows(options, [shape.key.name, shape.month.name])} AS r JOIN (VALUES ${cells.join(', ')}) AS c(no, month, bucket) ON c.no = r.${rowPlace.file} GROUP BY ALL`,
  );
  const rows = new Map(found.map((row) => [Number(row['no']), row]));
  for (const [no, file] of after.entries()) {
    const row = rows.get(no);
    const count = Number(row?.['n'] ?? 0);
    findings.checked('file counts', 1);
    findings.checked('months of cells', count);
    if (count !== file.rows)
      findings.failed('file counts', `${role} ${file.location}: ${file.rows} rows recorded, ${count} found`);
    const wrong = Number(row?.['wrong'] ?? 0);
    if (wrong > 0)
      findings.failed(
        'months of cells',
        `${role} ${file.location}: ${wrong} rows of another month or bucket`,
      );
    const keys = (row?.['keys'] ?? []) as readonly (string | number | bigint)[];
    const strayed = keys.filter(
      (value) => bucketOf(to, byText ? 'string' : 'long', byText ? value : BigInt(value)) !== file.bucket,
    );
    if (strayed.length > 0)
      findings.failed(
        'months of cells',
        `${role} ${file.location}: key ${strayed[0]} is not of bucket ${file.bucket} of ${to}`,
      );
  }
}

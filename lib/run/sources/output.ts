import { unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { EngineSession } from '../../engine/engine.ts';
import { identifier } from '../../engine/sql.ts';
import { ObjectExistsError } from '../../errors.ts';
import type { Location } from '../../stores/ports.ts';
import { preparedGroupRows } from '../row-groups.ts';
import type { RunContext } from '../workload.ts';
import type { OpenedSource } from './open.ts';
import type { RowRejects } from './rejects.ts';

/** How much of a refused row is kept. */
const rawCharacters = 65_536;

/** The columns of a prepared file, and their order. */
export interface OutputShape {
  readonly columns: readonly string[];
  readonly order: readonly string[];
}

/** Moves the faulty rows of table `checked` to the rejects. */
export async function quarantineFaults(
  session: EngineSession,
  source: OpenedSource,
  rejects: RowRejects,
): Promise<void> {
  const [bad] = await session.query('SELECT count(*) AS n FROM checked WHERE pw_fault IS NOT NULL');
  if (Number(bad?.['n']) === 0) return;
  await session.execute(
    `CREATE TEMP TABLE refused AS SELECT pw_row, pw_fault FROM checked WHERE pw_fault IS NOT NULL ORDER BY pw_row LIMIT ${rejects.room}`,
  );
  const unlisted = Number(bad?.['n']) - Math.min(rejects.room, Number(bad?.['n']));
  await rememberRaw(session, source);
  const rows = session.stream(
    'SELECT pw_row, pw_fault, pw_raw FROM refused LEFT JOIN raws USING (pw_row) ORDER BY pw_row',
  );
  for await (const batch of rows) {
    for (const row of batch) {
      const [column = '', reason = ''] = String(row['pw_fault']).split('\x1f');
      rejects.add({ row: Number(row['pw_row']), column, reason, raw: row['pw_raw'] });
    }
  }
  rejects.addUnlisted(unlisted);
}

/** A column that nobody asked for may be undecodable; the refused rows are then reported without their text. */
async function rememberRaw(session: EngineSession, source: OpenedSource): Promise<void> {
  try {
    await session.execute(
      `CREATE TEMP TABLE raws AS SELECT pw_row, pw_raw[:${rawCharacters}] AS pw_raw FROM (${source.raw}) WHERE pw_row IN (SELECT pw_row FROM refused)`,
    );
  } catch {
    await session.execute('CREATE TEMP TABLE raws (pw_row BIGINT, pw_raw VARCHAR)');
  }
}

/** Only rows that are equal in every column go, all but one. Returns how many. */
export async function dropDuplicates(session: EngineSession, identity: readonly string[]): Promise<number> {
  const hash = identity.at(-1) ?? 'rec_hash';
  await session.execute(
    `CREATE TEMP TABLE repeated AS SELECT ${identifier(hash)} AS h FROM accepted GROUP BY 1 HAVING count(*) > 1`,
  );
  const [repeated] = await session.query('SELECT count(*) AS n FROM repeated');
  if (Number(repeated?.['n']) === 0) return 0;
  await session.execute(
    `CREATE TEMP TABLE surplus AS SELECT pw_row FROM accepted WHERE ${identifier(hash)} IN (SELECT h FROM repeated) ` +
      `QUALIFY row_number() OVER (PARTITION BY ${identity.map(identifier).join(', ')} ORDER BY pw_row) > 1`,
  );
  const [surplus] = await session.query('SELECT count(*) AS n FROM surplus');
  if (Number(surplus?.['n']) > 0)
    await session.execute('DELETE FROM accepted WHERE pw_row IN (SELECT pw_row FROM surplus)');
  return Number(surplus?.['n']);
}

export async function writeRows(
  context: RunContext,
  session: EngineSession,
  shape: OutputShape,
  unit: string,
): Promise<Location | undefined> {
  const path = join(session.workFolder, 'rows.parquet');
  const columns = shape.columns.map(identifier).join(', ');
  const order = shape.order.map((name) => `${identifier(name)} NULLS LAST`).join(', ');
  const [file] = await session.writeParquet({
    select: `SELECT ${columns} FROM accepted ORDER BY ${order}`,
    path,
    rowGroupRows: preparedGroupRows,
  });
  if (file === undefined || file.rows === 0) {
    await unlink(path).catch(() => undefined);
    return undefined;
  }
  const location = `${context.folder}/prepare/${unit}/rows.parquet`;
  await adoptOnce(context, path, location);
  return location;
}

/** An earlier attempt of the same unit has written the same rows: its object stands. */
export async function adoptOnce(context: RunContext, path: string, location: Location): Promise<void> {
  try {
    await context.world.results.adopt(path, location);
  } catch (error) {
    if (!(error instanceof ObjectExistsError)) throw error;
  }
}

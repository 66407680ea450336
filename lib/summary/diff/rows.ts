import type { EngineSession, SqlRow } from '../../engine/engine.ts';
import { identifier } from '../../engine/sql.ts';
import type { Schema } from '../../iceberg/index.ts';
import type { ObjectStore } from '../../stores/ports.ts';
import { liveRows, scanned } from '../../upkeep/live-rows.ts';
import type { DifferingFiles } from './files.ts';

export interface RowDifference {
  readonly kind: 'added' | 'removed' | 'changed';
  /** Values of the identifying columns. */
  readonly key: Readonly<Record<string, unknown>>;
  readonly month: unknown;
  /** Changed columns with both values; of an added or removed row no column is listed. */
  readonly columns: readonly { readonly name: string; readonly from: unknown; readonly to: unknown }[];
}

export interface MonthDifference {
  readonly month: string;
  readonly added: number;
  readonly removed: number;
  readonly changed: number;
}

export interface BatchDifference {
  readonly months: readonly MonthDifference[];
  /** Rows in which a column differs. */
  readonly columns: ReadonlyMap<string, number>;
  readonly examples: readonly RowDifference[];
}

interface CompareOptions {
  readonly store: ObjectStore;
  readonly session: EngineSession;
  readonly schema: Schema;
  /** Columns that identify a row. */
  readonly identity: readonly string[];
  readonly month: string;
  /** Columns whose difference does not count. */
  readonly ignored: readonly string[];
  readonly batch: DifferingFiles;
  readonly examples: number;
}

/**
 * Joins both sides by the identifying columns and one hash per column, so that memory does not depend on the width of
 * the lists; whole rows are read again for the examples only. A hash that collides (1 in 2^64) hides a change.
 */
export async function compareRows(options: CompareOptions): Promise<BatchDifference> {
  const { session, schema, identity } = options;
  const names = schema.fields.map((field) => field.name);
  const compared = names.filter((name) => !identity.includes(name) && !options.ignored.includes(name));
  const columns = [...new Set([...identity, options.month, ...compared])];
  const rows = (files: CompareOptions['batch']['from']) =>
    liveRows({ store: options.store, schema, files: files.map(scanned), columns });
  const from = await rows(options.batch.from);
  const to = await rows(options.batch.to);
  const hashed = (source: string) =>
    `SELECT ${identity.map((name, index) => `${identifier(name)} AS k${index}`).join(', ')}, ${identifier(options.month)} AS m${compared
      .map((name, index) => `, hash(${identifier(name)}) AS h${index}`)
      .join('')} FROM ${source}`;
  const differs = (index: number) => `(a.m IS NOT NULL AND b.m IS NOT NULL AND a.h${index} <> b.h${index})`;
  await session.execute(`CREATE OR REPLACE TEMP TABLE pairs AS
    SELECT ${identity.map((_, index) => `coalesce(a.k${index}, b.k${index}) AS k${index}`).join(', ')}, coalesce(b.m, a.m) AS m,
      CASE WHEN a.m IS NULL THEN 'added' WHEN b.m IS NULL THEN 'removed' ELSE 'changed' END AS kind${compared
        .map((_, index) => `, ${differs(index)} AS d${index}`)
        .join('')}
    FROM (${hashed(from)}) AS a FULL OUTER JOIN (${hashed(to)}) AS b ON ${identity.map((_, index) => `a.k${index} = b.k${index}`).join(' AND ')}
    WHERE a.m IS NULL OR b.m IS NULL${compared.map((_, index) => ` OR ${differs(index)}`).join('')}`);

  const months = await session.query(`SELECT m::VARCHAR AS month, count(*) FILTER (kind = 'added') AS added,
    count(*) FILTER (kind = 'removed') AS removed, count(*) FILTER (kind = 'changed') AS changed
    FROM pairs GROUP BY m ORDER BY m`);
  const sums = compared.map((_, index) => `count(*) FILTER (d${index}) AS d${index}`).join(', ');
  const [counts] = sums === '' ? [] : await session.query(`SELECT ${sums} FROM pairs`);
  return {
    months: months.map((row) => ({
      month: String(row['month']),
      added: Number(row['added']),
      removed: Number(row['removed']),
      changed: Number(row['changed']),
    })),
    columns: new Map(
      compared
        .map((name, index): [string, number] => [name, Number(counts?.[`d${index}`] ?? 0)])
        .filter(([, count]) => count > 0),
    ),
    examples: options.examples > 0 ? await examples(options, from, to, compared) : [],
  };
}

async function examples(
  options: CompareOptions,
  from: string,
  to: string,
  compared: readonly string[],
): Promise<readonly RowDifference[]> {
  const { session, identity } = options;
  const keys = identity.map((_, index) => `k${index}`).join(', ');
  await session.execute(`CREATE OR REPLACE TEMP TABLE shown AS SELECT row_number() OVER (ORDER BY m, ${keys}) AS n, *
    FROM pairs ORDER BY n LIMIT ${Math.floor(options.examples)}`);
  const on = identity.map((name, index) => `r.${identifier(name)} = s.k${index}`).join(' AND ');
  const side = async (source: string) => {
    const rows = await session.query(
      `SELECT s.n AS ${identifier('#')}, r.* FROM shown AS s JOIN ${source} AS r ON ${on}`,
    );
    return new Map(rows.map((row) => [Number(row['#']), row]));
  };
  const before = await side(from);
  const after = await side(to);
  const shown = await session.query(`SELECT * FROM shown ORDER BY n`);
  return shown.map((row) => {
    const n = Number(row['n']);
    const kind = row['kind'] === 'added' ? 'added' : row['kind'] === 'removed' ? 'removed' : 'changed';
    return {
      kind,
      key: Object.fromEntries(identity.map((name, index) => [name, row[`k${index}`]])),
      month: row['m'],
      columns: kind === 'changed' ? changedColumns(row, compared, before.get(n), after.get(n)) : [],
    };
  });
}

function changedColumns(
  shown: SqlRow,
  compared: readonly string[],
  before: SqlRow | undefined,
  after: SqlRow | undefined,
) {
  return compared
    .filter((_, index) => shown[`d${index}`] === true)
    .map((name) => ({ name, from: before?.[name] ?? null, to: after?.[name] ?? null }));
}

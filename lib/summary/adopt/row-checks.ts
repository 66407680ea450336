import type { EngineSession, SqlRow } from '../../engine/engine.ts';
import { identifier, text } from '../../engine/sql.ts';
import { currentSchema } from '../../iceberg/index.ts';
import { liveRows, rowPlace } from '../../upkeep/live-rows.ts';
import { monthNumber, rowAlive } from '../audit/sql.ts';
import type { SummaryShape } from '../tables/columns.ts';
import type { CheckName, Part, RowsOptions } from './rows.ts';

/** Rows of each check in one part, with the first of them as `<check>_example`, `rows`, and `first` and `last` month of wrong arrays and grids. */
export async function checkRows(options: RowsOptions, session: EngineSession, part: Part): Promise<SqlRow> {
  const columns = columnsOf(options);
  const { key, month, no } = columns;
  const sets = [...Map.groupBy(part.files, (file) => file.month)];
  const scan = async (names: readonly string[]) => {
    const selects = await Promise.all(
      sets.map(async ([cell, files], set) => {
        const { world, table } = options;
        const schema = currentSchema(table);
        const rows = await liveRows({ store: world.warehouse, schema, files, columns: names, place: true });
        return `SELECT *, ${set} AS pw_set, ${cell === undefined ? 'NULL' : text(cell)} AS pw_cell FROM ${rows}`;
      }),
    );
    return `(${selects.join(' UNION ALL ')})`;
  };
  const place = ['pw_set', rowPlace.file, rowPlace.position].map((name) => `r.${name}`);
  const { shape } = options;
  const where =
    part.slice === undefined ? '' : ` WHERE hash(${key}) % ${part.slice.count} = ${part.slice.index}`;
  // Neighbours come from keys and months alone: rows with their arrays are read once and never held.
  await session.execute(`CREATE OR REPLACE TEMP TABLE neighbours AS SELECT s, f, p, no - lag(no) OVER w AS d, lead(no) OVER w - no AS e
    FROM (SELECT ${place[0]} AS s, ${place[1]} AS f, ${place[2]} AS p, ${key} AS k, ${no} AS no FROM ${await scan([shape.key.name, shape.month.name])} AS r${where})
    WINDOW w AS (PARTITION BY k ORDER BY no)`);
  const facts = factsOf(options, part, columns);
  await session.execute(`CREATE OR REPLACE TEMP TABLE adopted AS
    SELECT ${[`${key} AS k`, `${month} AS m`, `${no} AS no`, 'n.d', 'n.e', ...facts].join(', ')} FROM ${await scan(columns.names)} AS r
    JOIN neighbours AS n ON n.s = ${place[0]} AND n.f = ${place[1]} AND n.p = ${place[2]}`);
  const names: readonly CheckName[] = [...rowChecks, 'twice', 'chain'];
  const found = names.flatMap((name) => [
    `count(*) FILTER (is_${name}) AS ${name}`,
    `min(concat(coalesce(k::VARCHAR, 'NULL'), ', ', coalesce(m, 'NULL'))) FILTER (is_${name}) AS ${name}_example`,
  ]);
  const wrong = 'is_lengths OR is_firsts OR is_grids OR is_chain';
  const [row] =
    await session.query(`SELECT count(*) AS rows, min(m) FILTER (${wrong}) AS first, max(m) FILTER (${wrong}) AS last, ${found.join(', ')}
    FROM (SELECT t.*, coalesce(t.d = 0, false) AS is_twice, coalesce(t.tail <> s.head, false) AS is_chain FROM adopted AS t
      LEFT JOIN adopted AS s ON s.k = t.k AND s.no = t.no - t.d AND s.e = CASE WHEN t.d > 0 THEN t.d END)`);
  return row ?? {};
}

const rowChecks = ['nulls', 'months', 'misplaced', 'versions', 'lengths', 'firsts', 'grids'] as const;

interface CheckedColumns {
  readonly names: readonly string[];
  readonly has: (name: string) => boolean;
  /** SQL on rows of alias `r`: the key, the month as text, and its number where it is one. */
  readonly key: string;
  readonly month: string;
  readonly no: string;
  /** Histories whose array and values the table has. */
  readonly usable: SummaryShape['histories'];
  readonly hasRegisters: boolean;
}

function columnsOf({ shape, table }: RowsOptions): CheckedColumns {
  const stored = new Set(currentSchema(table).fields.map(({ name }) => name));
  const has = (name: string) => stored.has(name);
  const usable = shape.histories.filter(({ name, from }) => has(name) && has(from));
  const hasRegisters = shape.system.every(({ name }) => has(name));
  const wanted = [
    shape.key.name,
    shape.month.name,
    shape.version.name,
    ...(shape.deleteColumn === undefined ? [] : [shape.deleteColumn]),
    ...usable.flatMap(({ name, from }) => [name, from]),
    ...shape.grids.map(({ name }) => name),
    ...(hasRegisters ? shape.system.map(({ name }) => name) : []),
  ];
  const month = `r.${identifier(shape.month.name)}::VARCHAR`;
  return {
    names: [...new Set(wanted)].filter(has),
    has,
    key: `r.${identifier(shape.key.name)}`,
    month,
    no: `CASE WHEN regexp_full_match(${month}, '\\d{4}-(0[1-9]|1[0-2])') THEN ${monthNumber(month)} END`,
    usable,
    hasRegisters,
  };
}

/**
 * is_<check> of what a row says by itself, and the two hashes that neighbours are held to: `tail`, what it knows of its
 * earlier neighbour, `n.d` months back, and before; `head`, what the later one, `n.e` months on, must know.
 */
function factsOf(options: RowsOptions, part: Part, columns: CheckedColumns): readonly string[] {
  const { shape, layout } = options;
  const { usable, has, key, month, no } = columns;
  const length = shape.historyLength;
  const any = (parts: readonly string[]) =>
    parts.length === 0 ? 'false' : `coalesce(${parts.join(' OR ')}, false)`;
  const bucket = bucketExpression(shape, key, layout.buckets);
  // What a delete or the deletions feed may replace stands in the array alone.
  const shown = new Set([shape.deleteColumn, shape.feed?.date.name]);
  const own = ({ name, from }: { readonly name: string; readonly from: string }) =>
    shown.has(from) ? `r.${identifier(name)}[1]` : `r.${identifier(from)}`;
  const grids = shape.grids.filter(
    (grid) => has(grid.name) && usable.some(({ name }) => name === grid.history),
  );
  const conditions: Readonly<Record<(typeof rowChecks)[number], readonly string[]>> = {
    nulls: [`${key} IS NULL`, `${month} IS NULL`],
    months: [`(${month} IS NOT NULL AND ${no} IS NULL)`],
    misplaced: [
      `(r.pw_cell IS NOT NULL AND r.pw_cell <> ${month})`,
      ...(part.bucket === undefined || bucket === undefined ? [] : [`${bucket} <> ${part.bucket}`]),
    ],
    versions: has(shape.version.name) ? [`r.${identifier(shape.version.name)} IS NULL`] : [],
    lengths: usable.map(({ name }) => `len(r.${identifier(name)}) IS DISTINCT FROM ${length}`),
    firsts: usable.map((one) => `r.${identifier(one.name)}[1] IS DISTINCT FROM ${own(one)}`),
    grids: grids.map(({ name, history, placeholder, separator }) => {
      const entries = `list_transform(r.${identifier(history)}, lambda x: coalesce(x::VARCHAR, ${text(placeholder)}))`;
      return `r.${identifier(name)} IS DISTINCT FROM array_to_string(${entries}, ${text(separator)})`;
    }),
  };
  const hash = (distance: string, lists: readonly string[]) =>
    lists.length === 0
      ? 'NULL'
      : `CASE WHEN ${distance} BETWEEN 1 AND ${length - 1} THEN hash(${lists.join(', ')}) END`;
  const alive = aliveCondition(options, columns);
  return [
    ...rowChecks.map((name) => `${any(conditions[name])} AS is_${name}`),
    `${hash(
      'n.d',
      usable.map(({ name }) => `r.${identifier(name)}[n.d + 1 : ${length}]`),
    )} AS tail`,
    `${hash(
      'n.e',
      usable.map(
        (one) =>
          `list_concat([CASE WHEN ${alive} THEN ${own(one)} END], r.${identifier(one.name)}[2 : ${length} - n.e])`,
      ),
    )} AS head`,
  ];
}

/** By the registers where the table has them, else by the delete code. */
function aliveCondition({ shape, deleteCodes }: RowsOptions, { hasRegisters, has }: CheckedColumns): string {
  const { deleteColumn } = shape;
  if (hasRegisters) return rowAlive(shape, 'r');
  if (deleteColumn === undefined || !has(deleteColumn)) return 'true';
  const code = `r.${identifier(deleteColumn)}`;
  return `(${code} IS NULL OR ${code}::VARCHAR NOT IN (${deleteCodes.map(text).join(', ')}))`;
}

function bucketExpression(shape: SummaryShape, key: string, count: number | undefined): string | undefined {
  if (count === undefined) return undefined;
  return shape.key.icebergType === 'string'
    ? `pw_bucket_text(${key}, ${count})`
    : `pw_bucket_long(${key}::BIGINT, ${count})`;
}

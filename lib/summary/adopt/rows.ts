import type { EngineSession, SqlRow } from '../../engine/engine.ts';
import { identifier, text, textList } from '../../engine/sql.ts';
import { currentSchema, type Table } from '../../iceberg/index.ts';
import { sideBySide } from '../../run/side-by-side.ts';
import type { World } from '../../run/workload.ts';
import { liveRows, type ScannedFile, scanned } from '../../upkeep/live-rows.ts';
import { monthNumber, rowAlive } from '../audit-sql.ts';
import type { SummaryShape } from '../columns.ts';
import { lookSessions } from '../look.ts';
import type { AdoptFinding } from './finding.ts';
import type { Layout } from './layout.ts';

/** Bytes of files whose keys are held at once where the table has no buckets. */
const sliceBytes = 256e6;

/** What can be wrong with rows, and what mends it. */
const checks = {
  nulls: [
    'refused',
    'rows without a key or a month',
    'remove or complete them with the engine that wrote them',
  ],
  months: [
    'refused',
    'rows whose month is not of the form YYYY-MM',
    'rewrite the column with the engine that wrote it',
  ],
  twice: [
    'refused',
    'rows of a key and month that is there more than once',
    'remove all but one of each with the engine that wrote them',
  ],
  misplaced: ['refused', 'rows in a partition that is not theirs', 'rewrite the table with its own engine'],
  versions: ['mend', 'rows without a version: the first record of their month replaces them', undefined],
  lengths: ['mend', 'rows with an array of another length than the pipeline’s historyLength', 'rebuild'],
  firsts: ['mend', 'rows with an array whose first entry is not their own value', 'rebuild'],
  grids: ['mend', 'rows with a grid that is not their array as text', 'rebuild'],
  chain: ['mend', 'rows with an array that does not hold the values of the stored months before', 'rebuild'],
} as const;
type CheckName = keyof typeof checks;

interface RowsOptions {
  readonly world: World;
  readonly table: Table;
  readonly shape: SummaryShape;
  readonly deleteCodes: readonly string[];
  readonly layout: Layout;
}

export interface RowFindings {
  readonly findings: readonly AdoptFinding[];
  readonly rows: number;
  /** First and last month of rows with a wrong array or grid. */
  readonly wrongMonths: { readonly first: string; readonly last: string } | undefined;
}

/** One row per key and month, and arrays that say of earlier months what those say themselves. Reads all arrays once. */
export async function rowFindings(options: RowsOptions): Promise<RowFindings> {
  const { world, layout, table } = options;
  const unnumbered = await filesWithoutIds(options);
  if (unnumbered !== undefined) return { findings: [unnumbered], rows: 0, wrongMonths: undefined };
  const counts = new Map<CheckName, { rows: number; example: string | undefined }>();
  const wrong: string[] = [];
  let rows = 0;
  const checkPart = async (session: EngineSession, { files, slice, bucket }: Part) => {
    const row = await checkRows(options, session, { files, slice, bucket });
    rows += Number(row['rows'] ?? 0);
    for (const name of Object.keys(checks) as CheckName[]) {
      const n = Number(row[name] ?? 0);
      const before = counts.get(name) ?? { rows: 0, example: undefined };
      const example = row[`${name}_example`];
      counts.set(name, {
        rows: before.rows + n,
        example: before.example ?? (n > 0 ? String(example) : undefined),
      });
    }
    for (const edge of ['first', 'last']) if (typeof row[edge] === 'string') wrong.push(String(row[edge]));
  };
  await sideBySide(lookSessions(world), partsOf(layout, table), checkPart);
  const findings = [...counts].flatMap(([name, { rows: n, example }]): readonly AdoptFinding[] => {
    if (n === 0) return [];
    const [status, what, next] = checks[name];
    return [
      {
        status,
        name: 'rows',
        detail: `${n} ${what}, such as ${example}`,
        ...(next === undefined || next === 'rebuild' ? {} : { next }),
      },
    ];
  });
  wrong.sort();
  const [first, last] = [wrong[0], wrong.at(-1)];
  return {
    findings:
      findings.length > 0
        ? findings
        : [
            {
              status: 'ok',
              name: 'rows',
              detail: `${rows} rows: one per key and month, arrays that agree with each other`,
            },
          ],
    rows,
    wrongMonths: first === undefined || last === undefined ? undefined : { first, last },
  };
}

interface Part {
  readonly files: readonly (ScannedFile & { readonly month: string | undefined })[];
  readonly slice: { readonly index: number; readonly count: number } | undefined;
  readonly bucket: number | undefined;
}

/** Rows of a key are in one part. */
async function* partsOf({ files, buckets }: Layout, table: Table): AsyncIterable<Part> {
  const monthOf = ({ file }: Layout['files'][number]) => {
    const spec = table.metadata.specs.find((one) => one.specId === file.specId);
    const index = spec?.fields.findIndex(({ transform }) => transform === 'identity') ?? -1;
    const value = file.partition[index];
    return typeof value === 'string' ? value : undefined;
  };
  const all = files.map((scan) => ({
    ...scanned(scan),
    month: monthOf(scan),
    bucket: Number(scan.file.partition.at(-1)),
  }));
  const hasBuckets =
    buckets !== undefined && files.every(({ file }) => file.specId === table.metadata.defaultSpecId);
  if (hasBuckets) {
    for (const [bucket, own] of Map.groupBy(all, (file) => file.bucket))
      yield { files: own, slice: undefined, bucket };
    return;
  }
  const bytes = files.reduce((sum, { file }) => sum + file.sizeBytes, 0);
  const count = Math.max(1, Math.ceil(bytes / sliceBytes));
  for (let index = 0; index < count; index += 1)
    yield { files: all, slice: count === 1 ? undefined : { index, count }, bucket: undefined };
}

async function checkRows(options: RowsOptions, session: EngineSession, part: Part): Promise<SqlRow> {
  const { shape, table, world } = options;
  const schema = currentSchema(table);
  const has = (name: string | undefined): name is string =>
    name !== undefined && schema.fields.some((field) => field.name === name);
  const hasRegisters = shape.system.every(({ name }) => has(name));
  const code = shape.deleteColumn;
  const alive = hasRegisters
    ? rowAlive(shape, 'r')
    : has(code)
      ? `(r.${identifier(code)} IS NULL OR r.${identifier(code)}::VARCHAR NOT IN (${options.deleteCodes.map(text).join(', ')}))`
      : 'true';
  const usable = shape.histories.filter(({ name, from }) => has(name) && has(from));
  const [key, month] = [`r.${identifier(shape.key.name)}`, `r.${identifier(shape.month.name)}::VARCHAR`];
  const lists = usable.map(({ name }, index) => `r.${identifier(name)} AS a${index}`);
  // What a delete or the deletions feed may replace stands in the array alone.
  const shown = new Set([code, shape.feed?.date.name]);
  const own = usable.map(({ name, from }, index) =>
    shown.has(from) ? `r.${identifier(name)}[1] AS v${index}` : `r.${identifier(from)} AS v${index}`,
  );
  const grids = shape.grids.flatMap(({ name, history, placeholder, separator }) => {
    const at = usable.findIndex((one) => one.name === history);
    if (at < 0 || !has(name)) return [];
    const entries = `list_transform(r.${identifier(history)}, lambda x: coalesce(x::VARCHAR, ${text(placeholder)}))`;
    return [`r.${identifier(name)} IS DISTINCT FROM array_to_string(${entries}, ${text(separator)})`];
  });
  const columns = [
    ...new Set([
      shape.key.name,
      shape.month.name,
      ...(has(shape.version.name) ? [shape.version.name] : []),
      ...(has(code) ? [code] : []),
      ...usable.flatMap(({ name, from }) => [name, from]),
      ...shape.grids.map(({ name }) => name).filter(has),
      ...(hasRegisters ? shape.system.map(({ name }) => name) : []),
    ]),
  ];
  const selects = await Promise.all(
    [...Map.groupBy(part.files, ({ month: one }) => one)].map(async ([one, files]) => {
      const rows = await liveRows({ store: world.warehouse, schema, files, columns });
      return `SELECT *, ${one === undefined ? 'NULL' : text(one)} AS pw_cell FROM ${rows}`;
    }),
  );
  const bucketSql = bucketExpression(shape, key, options.layout.buckets);
  const misplaced = [
    `(r.pw_cell IS NOT NULL AND r.pw_cell <> ${month})`,
    ...(part.bucket === undefined || bucketSql === undefined ? [] : [`${bucketSql} <> ${part.bucket}`]),
  ].join(' OR ');
  const where =
    part.slice === undefined ? '' : ` WHERE hash(${key}) % ${part.slice.count} = ${part.slice.index}`;
  const form = `regexp_full_match(${month}, '\\d{4}-(0[1-9]|1[0-2])')`;
  await session.execute(`CREATE OR REPLACE TEMP TABLE adopted AS
    SELECT ${[`${key} AS k`, `${month} AS m`, `CASE WHEN ${form} THEN ${monthNumber(month)} END AS no`, `${alive} AS alive`, `coalesce(${misplaced}, false) AS misplaced`, `${has(shape.version.name) ? `r.${identifier(shape.version.name)} IS NULL` : 'false'} AS unversioned`, `coalesce(${grids.length === 0 ? 'false' : grids.join(' OR ')}, false) AS bad_grid`, ...lists, ...own].join(', ')}
    FROM (${selects.join(' UNION ALL ')}) AS r${where}`);
  return tally(shape.historyLength, usable.length, session);
}

async function tally(length: number, arrays: number, session: EngineSession): Promise<SqlRow> {
  const each = (part: (index: number) => string) =>
    arrays === 0 ? 'false' : Array.from({ length: arrays }, (_, index) => `(${part(index)})`).join(' OR ');
  const chain = each(
    (index) =>
      `CASE WHEN d BETWEEN 1 AND ${length - 1} THEN a${index}[d + 1 : ${length}] IS DISTINCT FROM list_concat([CASE WHEN s_alive THEN s_v${index} END], s_a${index}[2 : ${length} - d]) ELSE false END`,
  );
  const before = Array.from({ length: arrays }, (_, index) => [
    `lag(a${index}) OVER w AS s_a${index}`,
    `lag(v${index}) OVER w AS s_v${index}`,
  ]).flat();
  const conditions: Readonly<Record<CheckName, string>> = {
    nulls: 'k IS NULL OR m IS NULL',
    months: 'm IS NOT NULL AND no IS NULL',
    twice: 'd = 0',
    misplaced: 'misplaced',
    versions: 'unversioned',
    lengths: each((index) => `len(a${index}) IS DISTINCT FROM ${length}`),
    firsts: each((index) => `a${index}[1] IS DISTINCT FROM v${index}`),
    grids: 'bad_grid',
    chain,
  };
  const names = Object.keys(conditions) as CheckName[];
  const flags = names.map((name) => `coalesce(${conditions[name]}, false) AS is_${name}`);
  const found = names.flatMap((name) => [
    `count(*) FILTER (is_${name}) AS ${name}`,
    `min(concat(coalesce(k::VARCHAR, 'NULL'), ', ', coalesce(m, 'NULL'))) FILTER (is_${name}) AS ${name}_example`,
  ]);
  const wrong = 'is_lengths OR is_firsts OR is_grids OR is_chain';
  const [row] =
    await session.query(`SELECT count(*) AS rows, min(m) FILTER (${wrong}) AS first, max(m) FILTER (${wrong}) AS last, ${found.join(', ')}
    FROM (SELECT k, m, ${flags.join(', ')} FROM (SELECT ${['*', 'no - lag(no) OVER w AS d', 'lag(alive) OVER w AS s_alive', ...before].join(', ')} FROM adopted WINDOW w AS (PARTITION BY k ORDER BY no)))`);
  return row ?? {};
}

function bucketExpression(shape: SummaryShape, key: string, count: number | undefined): string | undefined {
  if (count === undefined) return undefined;
  return shape.key.icebergType === 'string'
    ? `pw_bucket_text(${key}, ${count})`
    : `pw_bucket_long(${key}::BIGINT, ${count})`;
}

/** Columns are read by the field ids in the files; files that were added as they were have none. */
async function filesWithoutIds({
  world,
  layout,
  table,
  shape,
}: RowsOptions): Promise<AdoptFinding | undefined> {
  if (layout.files.length === 0) return undefined;
  const paths = await Promise.all(layout.files.map(({ file }) => world.warehouse.localPath(file.location)));
  const id = currentSchema(table).fields.find(({ name }) => name === shape.key.name)?.id;
  await using session = await lookSessions(world).open({
    threads: 1,
    memoryBytes: world.resources.memoryBytes,
  });
  const [row] = await session.query(
    `SELECT count(DISTINCT file_name) AS n, (SELECT count(DISTINCT file_name) FROM parquet_schema(${textList(paths)})) AS files FROM parquet_schema(${textList(paths)}) WHERE field_id = ${id}`,
  );
  const missing = Number(row?.['files'] ?? 0) - Number(row?.['n'] ?? 0);
  if (missing === 0) return undefined;
  return {
    status: 'refused',
    name: 'files',
    detail: `${missing} files have no field ids, as files have that were added without being written by Iceberg`,
    next: 'rewrite them with the table’s own engine (Spark: CALL system.rewrite_data_files)',
  };
}

import type { EngineSession } from '../../engine/engine.ts';
import { textList } from '../../engine/sql.ts';
import { currentSchema, type Table } from '../../iceberg/index.ts';
import { sideBySide } from '../../run/side-by-side.ts';
import type { World } from '../../run/workload.ts';
import { type ScannedFile, scanned } from '../../upkeep/live-rows.ts';
import { lookSessions } from '../files/look.ts';
import type { SummaryShape } from '../tables/columns.ts';
import type { AdoptFinding } from './finding.ts';
import type { Layout } from './layout.ts';
import { checkRows } from './row-checks.ts';

/** Rows whose keys are held at once where the table has no buckets. */
const sliceRows = 10_000_000;

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
export type CheckName = keyof typeof checks;

export interface RowsOptions {
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

export interface Part {
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
  const rows = files.reduce((sum, { file }) => sum + file.rows, 0);
  const count = Math.max(1, Math.ceil(rows / sliceRows));
  for (let index = 0; index < count; index += 1)
    yield { files: all, slice: count === 1 ? undefined : { index, count }, bucket: undefined };
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

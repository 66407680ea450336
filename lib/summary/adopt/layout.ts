import type { SummaryConfig } from '../../config/schema.ts';
import { currentSnapshot, currentSpec, liveFiles, type ScanFile, type Table } from '../../iceberg/index.ts';
import type { ObjectStore } from '../../stores/ports.ts';
import type { AdoptFinding } from './finding.ts';

export interface Layout {
  readonly findings: readonly AdoptFinding[];
  /** N of the table's bucket[N](key); undefined when it is not partitioned as the pipeline's tables are. */
  readonly buckets: number | undefined;
  /** Live files that can be read. */
  readonly files: readonly ScanFile[];
}

interface LayoutOptions {
  readonly store: ObjectStore;
  readonly table: Table;
  readonly config: SummaryConfig;
  readonly byMonth: boolean;
}

/** Partitioning and files of the newest snapshot. */
export async function layoutOf({ store, table, config, byMonth }: LayoutOptions): Promise<Layout> {
  const findings: AdoptFinding[] = [];
  const wanted = `${byMonth ? `${config.month}, ` : ''}bucket[N](${config.key})`;
  const buckets = bucketsOf(table, config, byMonth, table.metadata.defaultSpecId);
  const spec = currentSpec(table).fields.map(({ name, transform }) => `${transform} as ${name}`);
  if (buckets === undefined)
    findings.push({
      status: 'rewrite',
      name: 'partitions',
      detail: `${spec.length === 0 ? 'the table is not partitioned' : `the table is partitioned by ${spec.join(', ')}`}, not by ${wanted}`,
    });
  else if (config.tables.buckets !== undefined && config.tables.buckets !== buckets)
    findings.push({
      status: 'refused',
      name: 'partitions',
      detail: `the table has ${buckets} buckets, the pipeline file says tables.buckets: ${config.tables.buckets}`,
      next: `tables.buckets: ${buckets} in the pipeline file`,
    });
  else findings.push({ status: 'ok', name: 'partitions', detail: `${wanted} with ${buckets} buckets` });

  const files: ScanFile[] = [];
  const equality = new Set<string>();
  const foreign = new Set<string>();
  let otherSpec = 0;
  const snapshotId = currentSnapshot(table)?.snapshotId;
  for await (const scan of liveFiles({ store, table, snapshotId, statistics: false })) {
    for (const { file } of [scan, ...scan.deletes]) {
      if (file.content === 'equality-deletes') equality.add(file.location);
      else if (file.format !== 'parquet') foreign.add(file.format);
    }
    if (buckets !== undefined && bucketsOf(table, config, byMonth, scan.file.specId) !== buckets)
      otherSpec += 1;
    files.push(scan);
  }
  if (equality.size > 0)
    findings.push({
      status: 'refused',
      name: 'files',
      detail: `${equality.size} files of equality deletes, such as ${[...equality][0]}`,
      next: "compact with the table's own engine first (Spark: CALL system.rewrite_data_files(table => ..., options => map('delete-file-threshold', '1')))",
    });
  if (foreign.size > 0)
    findings.push({
      status: 'refused',
      name: 'files',
      detail: `files of format ${[...foreign].join(', ')}; only Parquet, and position deletes in Parquet, can be read`,
    });
  if (otherSpec > 0)
    findings.push({
      status: 'rewrite',
      name: 'files',
      detail: `${otherSpec} of ${files.length} files were written under another partitioning`,
    });
  if (equality.size + foreign.size + otherSpec === 0)
    findings.push({ status: 'ok', name: 'files', detail: `${files.length} Parquet files` });
  return { findings, buckets, files: equality.size + foreign.size === 0 ? files : [] };
}

/** N, where the spec is identity(month), bucket[N](key), or the second alone. */
function bucketsOf(
  table: Table,
  config: SummaryConfig,
  byMonth: boolean,
  specId: number,
): number | undefined {
  const fields = table.metadata.specs.find((one) => one.specId === specId)?.fields ?? [];
  const [month, bucket] = byMonth ? fields : [undefined, fields[0]];
  const source = (id: number | undefined) =>
    table.metadata.schemas.flatMap((schema) => schema.fields).find((field) => field.id === id)?.name;
  const isMonth = !byMonth || (month?.transform === 'identity' && source(month.sourceId) === config.month);
  const count = Number(/^bucket\[(\d+)\]$/.exec(bucket?.transform ?? '')?.[1]);
  const fits = isMonth && source(bucket?.sourceId) === config.key && fields.length === (byMonth ? 2 : 1);
  return fits && Number.isInteger(count) ? count : undefined;
}

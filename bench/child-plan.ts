import { writeFile } from 'node:fs/promises';
import { parsePipeline, summaryOnly } from '../lib/config/index.ts';
import {
  commitStaged,
  createTable,
  currentSchema,
  type DataFile,
  singleValueToBytes,
  stageCommit,
  type Table,
} from '../lib/iceberg/index.ts';
import { openLocalWorld, planPipeline } from '../lib/run/local/local.ts';
import { targetTables } from '../lib/summary/index.ts';
import { reportUsage } from './measure.ts';

/** Plans a small late batch against a summary table of `buckets` x 36 data files that exist in manifests only. */
const argument: { root: string; buckets: number; step: 'make' | 'plan'; records: number } = JSON.parse(
  process.argv[2] ?? '{}',
);
const started = Date.now();
const yaml = `
pipeline: wide
kind: summary
columns:
  - {name: account_id, type: bigint}
  - {name: month, type: month}
  - {name: base_ts, type: timestamp}
${Array.from({ length: 20 }, (_, n) => `  - {name: v${n}, type: bigint}`).join('\n')}
key: account_id
month: month
version: base_ts
history:
${Array.from({ length: 20 }, (_, n) => `  - {name: v${n}}`).join('\n')}
tables: {buckets: ${argument.buckets}}
`;
const monthText = (index: number) =>
  `${2023 + Math.floor(index / 12)}-${String((index % 12) + 1).padStart(2, '0')}`;

await using world = await openLocalWorld({ root: argument.root });
const config = summaryOnly(await parsePipeline(yaml, 'wide.yaml'), 'the bench');
if (argument.step === 'make') await makeTables();
else {
  const path = `${argument.root}/late.csv`;
  const rows = Array.from(
    { length: argument.records },
    (_, n) => `${n * 7919},${monthText(24)},2026-05-01 00:00:00`,
  );
  await writeFile(path, `account_id,month,base_ts\n${rows.join('\n')}\n`);
  const { run, plan } = await planPipeline({ world, config, paths: [path] });
  if (plan === undefined) throw new Error(`no plan: ${JSON.stringify(run?.error)}`);
  reportUsage(started, { stages: plan.stages.map(({ name, units, bytes }) => ({ name, units, bytes })) });
}

async function makeTables(): Promise<void> {
  for (const target of targetTables(config, world.warehouse.root)) {
    const table = await createTable({
      store: world.warehouse,
      catalog: world.catalog,
      clock: world.clock,
      ...target,
    });
    if (target.role === 'tombstones') continue;
    const staged = await stageCommit({
      store: world.warehouse,
      table,
      clock: world.clock,
      operation: 'append',
      changes: { added: files(table, target.role === 'summary' ? 36 : 1, target.role === 'summary') },
    });
    await commitStaged({ catalog: world.catalog, staged: [staged] });
  }
  reportUsage(started);
}

function* files(table: Table, months: number, byMonth: boolean): Iterable<DataFile> {
  const ids = currentSchema(table).fields.flatMap((field) => (typeof field.type === 'string' ? [field] : []));
  const bound = (value: bigint) =>
    new Map(
      ids
        .filter(({ type }) => type === 'long')
        .map(({ id }) => [id, singleValueToBytes('long', value)] as const),
    );
  const counts = (value: number) => new Map(ids.map(({ id }) => [id, value] as const));
  for (let bucket = 0; bucket < argument.buckets; bucket += 1) {
    for (let month = 0; month < months; month += 1) {
      yield {
        content: 'data',
        location: `${table.metadata.location}/data/made-up-${month}-${bucket}.parquet`,
        format: 'PARQUET',
        specId: 0,
        partition: byMonth ? [monthText(month), bucket] : [bucket],
        rows: 200_000,
        sizeBytes: 290_000_000,
        columnSizes: counts(1_000_000),
        valueCounts: counts(200_000),
        nullCounts: counts(0),
        lowerBounds: bound(0n),
        upperBounds: bound(1_000_000_000_000n),
      };
    }
  }
}

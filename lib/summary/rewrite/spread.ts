import { parseByteSize } from '../../config/sizes.ts';
import {
  assertReadable,
  bucketField,
  cellFilter,
  currentSchema,
  currentSnapshot,
  liveDeleteFiles,
  liveFiles,
  type PartitionFilter,
  type Table,
} from '../../iceberg/index.ts';
import { compareText, fileSpec, jsonValue, placeOf } from '../plan/files.ts';
import { pack } from '../plan/groups.ts';
import { bucketsOf } from '../tables/pin-config.ts';
import type { Role } from '../tables/tables.ts';
import type { DeleteFileSpec, FileSpec, SummaryContext } from '../types.ts';
import type { RewritePiece } from './types.ts';

/**
 * What a change from N to M buckets rewrites. A key's bucket among N and its bucket among M are the same number modulo
 * gcd(N, M), so the classes of that modulus are independent of each other.
 */

interface SpreadOptions {
  readonly context: Pick<SummaryContext, 'world' | 'config' | 'branch'>;
  readonly table: Table;
  readonly role: Role;
  /** Id of the spec that files are rewritten to; files that have it stay. */
  readonly specId: number;
  readonly to: number;
}

export interface SpreadClass {
  readonly pieces: readonly RewritePiece[];
  readonly idleDeletes: readonly DeleteFileSpec[];
}

/** Files whose specifications are held at once. */
const filesAtOnce = 100_000;

/** Class by class, whatever the table's size: manifests are read once for some classes of many files together. */
export async function* spreadClasses(options: SpreadOptions): AsyncIterable<SpreadClass> {
  const { context, table, to } = options;
  const { config, world } = context;
  const head = currentSnapshot(table, context.branch);
  if (head === undefined) return;
  const from = bucketsOf(table) ?? 1;
  const classes = divisor(from, to);
  const files = Number(head.summary['total-data-files'] ?? 0);
  const passes = Math.max(1, Math.min(classes, Math.ceil(files / filesAtOnce)));
  for (let pass = 0; pass < passes; pass += 1) {
    const buckets = Array.from({ length: from }, (_, bucket) => bucket).filter(
      (bucket) => (bucket % classes) % passes === pass,
    );
    const filter = cellFilter({
      schema: currentSchema(table),
      bucket: { column: config.key, count: from, values: buckets },
    });
    const scan = { store: world.warehouse, table, snapshotId: head.snapshotId, partitionFilter: filter };
    yield* classesOf(options, scan, (name) => name.at % passes === pass, pass === 0);
  }
}

type Scan = Parameters<typeof liveFiles>[0] & { readonly partitionFilter: PartitionFilter };

/** Files of one class were written for `count` buckets and lie in those that are `at` modulo `modulus`. */
interface ClassName {
  readonly count: number;
  readonly modulus: number;
  readonly at: number;
}

async function* classesOf(
  options: SpreadOptions,
  scan: Scan,
  isWanted: (name: ClassName) => boolean,
  isFirst: boolean,
): AsyncIterable<SpreadClass> {
  const { context, table, role, specId, to } = options;
  const month = role === 'summary' ? context.config.month : undefined;
  const found = new Map<string, { readonly name: ClassName; readonly files: FileSpec[] }>();
  const applied = new Set<string>();
  const nameOf = (file: Parameters<typeof placeOf>[0]) => {
    const place = placeOf(file, table.metadata.specs, month);
    const modulus = divisor(place.count, to);
    return { place, name: { count: place.count, modulus, at: place.bucket % modulus } };
  };
  for await (const one of liveFiles({ ...scan, statistics: false })) {
    assertReadable(one);
    if (one.file.specId === specId) {
      for (const { file } of one.deletes) applied.add(file.location);
      continue;
    }
    const { place, name } = nameOf(one);
    if (!isWanted(name)) continue;
    const spec = fileSpec(one, place.month);
    for (const { location } of spec.deletes) applied.add(location);
    const id = `${name.count}/${name.at}`;
    const entry = found.get(id) ?? { name, files: [] };
    found.set(id, entry);
    entry.files.push(spec);
  }
  const idle: DeleteFileSpec[] = [];
  for await (const { file } of liveDeleteFiles({ ...scan, statistics: false })) {
    if (file.specId === specId || applied.has(file.location)) continue;
    const { location, rows } = file;
    const isOurs = hasBucket(table, file.specId) ? isWanted(nameOf({ file }).name) : isFirst;
    if (isOurs) idle.push({ location, specId: file.specId, partition: file.partition.map(jsonValue), rows });
  }
  const all = [...found.values()].sort((a, b) => a.name.count - b.name.count || a.name.at - b.name.at);
  for (const [index, { name, files }] of all.entries())
    yield { pieces: piecesOf(options, name, files), idleDeletes: index === 0 ? idle : [] };
  if (all.length === 0 && idle.length > 0) yield { pieces: [], idleDeletes: idle };
}

function hasBucket(table: Table, specId: number): boolean {
  const spec = table.metadata.specs.find((one) => one.specId === specId);
  return spec !== undefined && bucketField(spec) !== undefined;
}

/** A piece for each month, or several where its files are more than a unit's bytes. */
function piecesOf(
  { context, to }: SpreadOptions,
  { modulus, at }: ClassName,
  files: readonly FileSpec[],
): readonly RewritePiece[] {
  const buckets = Array.from({ length: to / modulus }, (_, index) => at + index * modulus);
  const sorted = files.toSorted((a, b) => a.month - b.month || compareText(a.location, b.location));
  return [...Map.groupBy(sorted, ({ month }) => month)].flatMap(([month, own]) =>
    pack(own, (file) => file.sizeBytes, parseByteSize(context.config.work.unitBytes)).map((some) => ({
      month,
      buckets,
      files: some,
    })),
  );
}

/** The greatest common divisor. */
export function divisor(a: number, b: number): number {
  return b === 0 ? a : divisor(b, a % b);
}

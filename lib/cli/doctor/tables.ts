import { loadTable, snapshotById } from '../../iceberg/index.ts';
import { bytes, count, plural } from '../../report/format.ts';
import type { World } from '../../run/workload.ts';
import type { Location, TableIdentifier } from '../../stores/ports.ts';
import { failureOf } from '../failure.ts';
import { fullName, scanFiles } from '../tables.ts';
import type { Finding } from './finding.ts';

/** Every table of the catalog: its metadata reads, and each file of its branches is there with its recorded length. */
export async function checkTables(world: World): Promise<readonly Finding[]> {
  const identifiers = await world.catalog.list();
  if (identifiers.length === 0)
    return [{ status: 'look', name: 'catalog', detail: 'no tables yet', next: 'partwise run FILE' }];
  const findings: Finding[] = [
    { status: 'ok', name: 'catalog', detail: plural(identifiers.length, 'table') },
  ];
  for (const identifier of identifiers) {
    findings.push(
      await checkTable(world, identifier).catch((error: unknown): Finding => {
        const { name, message } = failureOf(error);
        return { status: 'wrong', name: 'table', detail: `${fullName(identifier)}: ${message} (${name})` };
      }),
    );
  }
  return findings;
}

async function checkTable(world: World, identifier: TableIdentifier): Promise<Finding> {
  const table = await loadTable({ store: world.warehouse, catalog: world.catalog, identifier });
  const sizes = new Map<Location, number>();
  let rows = 0;
  let live = 0;
  for (const [name, ref] of Object.entries(table.metadata.refs)) {
    if (snapshotById(table, ref.snapshotId) === undefined) {
      return {
        status: 'wrong',
        name: 'table',
        detail: `${fullName(identifier)}: ${name} names a snapshot that is gone`,
      };
    }
    for (const scan of await scanFiles(world, table, ref.snapshotId)) {
      sizes.set(scan.file.location, scan.file.sizeBytes);
      for (const one of scan.deletes) sizes.set(one.file.location, one.file.sizeBytes);
      if (name === 'main') {
        live += 1;
        rows += scan.file.rows;
      }
    }
  }
  const damaged: string[] = [];
  let total = 0;
  for (const [location, sizeBytes] of sizes) {
    const info = await world.warehouse.head(location);
    total += sizeBytes;
    if (info?.sizeBytes !== sizeBytes)
      damaged.push(
        `${location} ${info === undefined ? 'is missing' : `has ${count(info.sizeBytes)} bytes, not ${count(sizeBytes)}`}`,
      );
  }
  const summary = `${fullName(identifier)}: ${plural(live, 'data file')}, ${plural(rows, 'stored row')}, ${bytes(total)}`;
  if (damaged.length === 0) return { status: 'ok', name: 'table', detail: summary };
  const more = damaged.length > 1 ? ` and ${count(damaged.length - 1)} more` : '';
  return {
    status: 'wrong',
    name: 'table',
    detail: `${summary}; ${damaged[0] ?? ''}${more}`,
    next: 'restore the files from a backup; nothing can make them up',
  };
}

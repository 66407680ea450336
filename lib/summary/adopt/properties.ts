import type { Table } from '../../iceberg/index.ts';
import type { TargetTable } from '../../run/publish/table-change.ts';
import { tableEncoding } from '../../upkeep/encoding.ts';
import { historyLengthProperty, overridesProperty } from '../tables/tables.ts';
import type { AdoptFinding } from './finding.ts';

/** Properties that runs go by. The others of a table that was made by somebody else stay as they are. */
const own = [historyLengthProperty, overridesProperty];

/** What adoption sets: runs hold to the history length and the feed that the tables were made for. */
export function propertiesToSet(
  table: Table,
  { properties = {} }: TargetTable,
): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(properties).filter(
      ([name, value]) => own.includes(name) && table.metadata.properties[name] !== value,
    ),
  );
}

/** One finding: what is to be set, or what was made for something else. */
export function missingProperties(table: Table, target: TargetTable): readonly AdoptFinding[] {
  const set = propertiesToSet(table, target);
  const others = Object.entries(set).filter(([name]) => table.metadata.properties[name] !== undefined);
  if (others.length > 0)
    return others.map(([name, value]) => ({
      status: 'refused',
      name: 'properties',
      detail: `${name} is ${table.metadata.properties[name]} there, ${value} in the pipeline file`,
    }));
  const names = Object.entries(set).map(([name, value]) => `${name} = ${value}`);
  const encoding = `files will be written ${tableEncoding(table.metadata.properties)}-encoded`;
  return [
    names.length === 0
      ? { status: 'ok', name: 'properties', detail: `all there; ${encoding}` }
      : { status: 'set', name: 'properties', detail: `${names.join(', ')}; ${encoding}` },
  ];
}

import { currentSchema, type IcebergType, type Table } from '../../iceberg/index.ts';
import type { TargetTable } from '../../run/publish/table-change.ts';
import type { SummaryShape } from '../tables/columns.ts';
import type { AdoptFinding } from './finding.ts';

/** The table's columns against the pipeline's. Their order does not matter, they are found by name and field id. */
export function columnFindings(
  table: Table,
  target: TargetTable,
  shape: SummaryShape,
): readonly AdoptFinding[] {
  const stored = new Map(currentSchema(table).fields.map((field) => [field.name, field.type]));
  const system = new Set(shape.system.map(({ name }) => name));
  const vital = new Set([shape.key.name, shape.month.name]);
  const collects = new Map(shape.histories.map(({ name, from }) => [name, from]));
  const findings: AdoptFinding[] = [];
  const add = (status: AdoptFinding['status'], detail: string) =>
    findings.push({ status, name: 'columns', detail });
  const missing: string[] = [];
  const registers: string[] = [];
  for (const { name, type } of target.fields) {
    const found = stored.get(name);
    if (found === undefined) {
      const from = collects.get(name);
      if (vital.has(name)) add('refused', `${name} is not in the table`);
      else if (system.has(name)) registers.push(name);
      else if (from !== undefined && stored.has(from))
        add('rewrite', `${name} is not in the table, and ${from}, which it collects, is`);
      else missing.push(name);
      continue;
    }
    if (typeName(found) === typeName(type)) continue;
    if (castsTo(found, type))
      add('rewrite', `${name} is ${typeName(found)}, the pipeline makes ${typeName(type)} of it`);
    else add('refused', `${name} is ${typeName(found)} there, ${typeName(type)} in the pipeline file`);
  }
  const known = new Set(target.fields.map(({ name }) => name));
  const others = [...stored.keys()].filter((name) => !known.has(name));
  if (registers.length > 0)
    add('rewrite', `what tells newer records from older ones is not in the table: ${registers.join(', ')}`);
  if (others.length > 0) add('rewrite', `not in the pipeline file, and left out: ${others.join(', ')}`);
  if (missing.length > 0)
    add('ok', `not in the table, added by the next run, NULL until then: ${missing.join(', ')}`);
  if (findings.every(({ status }) => status === 'ok'))
    add('ok', `${stored.size} columns by name and type, whatever their order`);
  return findings;
}

function typeName(type: IcebergType): string {
  if (typeof type === 'string') return type;
  return type.type === 'list' ? `list of ${typeName(type.element)}` : type.type;
}

/** Whether no value is lost: Iceberg's own promotions, and instants whose zone says nothing. */
function castsTo(from: IcebergType, to: IcebergType): boolean {
  if (typeof from === 'object' || typeof to === 'object')
    return typeof from === 'object' && typeof to === 'object' && from.type === 'list' && to.type === 'list'
      ? typeName(from.element) === typeName(to.element) || castsTo(from.element, to.element)
      : false;
  const [a, b] = [from, to].map((type) => /^decimal\((\d+),\s?(\d+)\)$/.exec(type));
  if (a && b) return a[2] === b[2] && Number(a[1]) <= Number(b[1]);
  return ['int long', 'int double', 'float double', 'timestamptz timestamp', 'date timestamp'].includes(
    `${from} ${to}`,
  );
}

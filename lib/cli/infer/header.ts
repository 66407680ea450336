import type { EngineSession } from '../../engine/engine.ts';
import { text } from '../../engine/sql.ts';
import { UsageError } from '../../errors.ts';
import type { InspectedFile } from './inspect.ts';

/**
 * Names of a file's columns as they stand in it, by place; the engine gives those that differ by case alone, or not at all,
 * other ones. undefined where a file has none in any order (JSON lines).
 * @throws UsageError when two columns have one name
 */
export async function headerOf(
  session: EngineSession,
  { path, format, csv }: Pick<InspectedFile, 'path' | 'format' | 'csv'>,
): Promise<readonly string[] | undefined> {
  if (format === 'jsonl') return undefined;
  const names = format === 'parquet' ? await parquetNames(session, path) : await csvNames(session, path, csv);
  const twice = names.find((name, at) => name !== '' && names.indexOf(name) < at);
  if (twice === undefined) return names;
  const count = names.filter((name) => name === twice).length;
  throw new UsageError(`${path} has ${count} columns called ${twice}`, {
    safe: 'nothing was written',
    next: 'give each column of the file a name of its own; which of them is meant cannot be told',
    details: { column: twice, columns: names },
  });
}

async function csvNames(
  session: EngineSession,
  path: string,
  csv: InspectedFile['csv'],
): Promise<readonly string[]> {
  const dialect = csv === undefined ? '' : `, delim = ${text(csv.delimiter)}, quote = ${text(csv.quote)}`;
  const [row] = await session.query(
    `SELECT * FROM read_csv(${text(path)}, header = false, all_varchar = true, ignore_errors = true${dialect}) LIMIT 1`,
  );
  return Object.values(row ?? {}).map((name) => (name === null ? '' : String(name)));
}

/** Columns of the top level; the schema has every column before those inside of it. */
async function parquetNames(session: EngineSession, path: string): Promise<readonly string[]> {
  const all = await session.query(`SELECT name, num_children FROM parquet_schema(${text(path)})`);
  const names: string[] = [];
  let inner = 0;
  for (const { name, num_children: children } of all.slice(1)) {
    if (inner === 0) names.push(String(name));
    else inner -= 1;
    inner += Number(children ?? 0);
  }
  return names;
}

import { randomBytes } from 'node:crypto';
import { identifier, text } from '../../engine/sql.ts';
import { UsageError } from '../../errors.ts';
import { currentSchema, type Schema } from '../../iceberg/index.ts';
import type { CommandContext, CommandHandler } from '../command.ts';
import { loadChosenPipeline } from '../pipeline.ts';
import { printRecords } from '../print-records.ts';
import { printRows } from '../print-rows.ts';
import { openAnywhere } from '../session.ts';
import { fullName, loadTogether, resolveTable, snapshotOf, tablesOf } from '../tables.ts';
import { createTableView } from '../views.ts';

const defaultRows = 20;
/** More columns than this, or any array, are shown one per line. */
const tableColumns = 8;

export const show: CommandHandler = async (context) => {
  const { flags, output } = context;
  await using session = await openAnywhere(context);
  const { world } = session;
  const config = await loadChosenPipeline(context).then(
    (loaded) => loaded.config,
    (error: unknown) => {
      if (flags.text('pipeline') !== undefined) throw error;
      return undefined;
    },
  );
  const name = await resolveTable(world, config, context.arguments[0] ?? '');
  const [table] = await loadTogether(world, [name]);
  if (table === undefined) throw new UsageError(`there is no table ${name.name}`);
  const schema = currentSchema(table);
  await using engine = await world.engine.open({
    ...world.resources,
    workFolder: `${world.workRoot}/show-${randomBytes(6).toString('hex')}`,
  });
  const snapshotId = snapshotOf(table, { branch: flags.text('branch'), snapshot: flags.text('snapshot') });
  await createTableView({ world, session: engine, table, snapshotId, names: ['shown'] });

  const own = config === undefined ? [] : tablesOf(config);
  const known = own.find((one) => fullName(one.identifier) === fullName(name));
  const key = known?.key ?? keyColumn(schema);
  const month = config?.kind === 'summary' ? config.month : 'month';
  const has = (column: string) => schema.fields.some((field) => field.name === column);
  const columns = schema.fields
    .map((field) => field.name)
    .filter((column) => flags.on('system') || !isSystemColumn(column));
  const conditions = conditionsOf(context, key, month, has);
  const order = [key, ...(known?.sortedBy ?? [month])].filter(has).map(identifier);
  const limit = flags.number('limit') ?? defaultRows;
  const whole = output.json || flags.on('csv');
  const select = `SELECT ${columns.map(identifier).join(', ')} FROM shown
    ${conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`}
    ${order.length === 0 ? '' : `ORDER BY ${order.join(', ')}`} LIMIT ${whole ? limit : limit + 1}`;
  const asRecords =
    columns.length > tableColumns || schema.fields.some((field) => typeof field.type !== 'string');
  const rows = engine.stream(select);
  if (asRecords && !whole)
    await printRecords({
      output,
      columns,
      rows,
      limit,
      title: [key, ...(known?.sortedBy ?? [month])].filter(has),
    });
  else await printRows({ output, columns, rows, form: flags.on('csv') ? 'csv' : 'table', limit });
  return 0;
};

function conditionsOf(
  context: CommandContext,
  key: string,
  month: string,
  has: (column: string) => boolean,
): readonly string[] {
  const { flags } = context;
  const conditions: string[] = [];
  const keys = flags.texts('key');
  if (keys.length > 0) {
    if (!has(key)) throw new UsageError(`the table has no key column ${key}`);
    conditions.push(`CAST(${identifier(key)} AS VARCHAR) IN (${keys.map(text).join(', ')})`);
  }
  const wanted = flags.text('month');
  if (wanted !== undefined) {
    if (!/^\d{4}-(0[1-9]|1[0-2])$/.test(wanted))
      throw new UsageError(`--month must be YYYY-MM, not '${wanted}'`);
    if (!has(month)) throw new UsageError(`the table has no month column ${month}`);
    conditions.push(`${identifier(month)} = ${text(wanted)}`);
  }
  return conditions;
}

/** Columns that the product keeps for itself. */
export function isSystemColumn(name: string): boolean {
  return name.startsWith('pw_') || name === 'changed_run';
}

function keyColumn(schema: Schema): string {
  const [id] = schema.identifierFieldIds ?? [];
  return schema.fields.find((field) => field.id === id)?.name ?? schema.fields[0]?.name ?? '';
}

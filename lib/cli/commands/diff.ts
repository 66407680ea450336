import { type SummaryConfig, summaryOnly } from '../../config/index.ts';
import { UsageError } from '../../errors.ts';
import { count, plural } from '../../report/format.ts';
import { textTable } from '../../report/table.ts';
import { cellText } from '../../report/value.ts';
import type { World } from '../../run/workload.ts';
import { diffBranches, type RowDifference, type TableDifference } from '../../summary/diff/diff.ts';
import { summaryShape } from '../../summary/tables/columns.ts';
import { type Role, roles, tableIdentifier } from '../../summary/tables/tables.ts';
import type { CommandHandler } from '../command.ts';
import { loadChosenPipeline } from '../pipeline.ts';
import { openAnywhere } from '../session.ts';
import { didYouMean } from '../suggest.ts';
import { fullName } from '../tables.ts';

const defaultExamples = 20;

export const diff: CommandHandler = async (context) => {
  const { flags, output } = context;
  const [name = '', from = '', to = ''] = context.arguments;
  const config = summaryOnly((await loadChosenPipeline(context)).config, 'diff');
  await using session = await openAnywhere(context);
  const role = roleOf(config, name);
  const [difference] = await diffBranches(
    session.world,
    config,
    await versionOf(session.world, config, role, from),
    await versionOf(session.world, config, role, to),
    {
      roles: [role],
      examples: flags.number('limit') ?? defaultExamples,
      ...(flags.on('system') ? { ignored: [] } : { ignored: systemColumns(config) }),
    },
  );
  if (difference === undefined) throw new UsageError(`there is nothing to compare in ${name}`);
  output.document({ from, to, ...difference });
  output.lines(differenceLines(difference, from, to));
  return 0;
};

function roleOf(config: SummaryConfig, name: string): Role {
  const role = roles.find((one) => {
    const identifier = tableIdentifier(config, one);
    return [one, identifier.name, fullName(identifier)].includes(name);
  });
  if (role !== undefined) return role;
  throw new UsageError(`pipeline ${config.pipeline} has no table ${name}${didYouMean(name, roles)}`, {
    next: `one of ${roles.join(', ')}`,
  });
}

/** A run stands for the snapshot that it published. */
async function versionOf(world: World, config: SummaryConfig, role: Role, name: string): Promise<string> {
  const run = name.startsWith(`${config.pipeline}-`) ? await world.state.runs.get(name) : undefined;
  if (run === undefined) return name;
  const table = fullName(tableIdentifier(config, role));
  const published = run.facts.published;
  const entry = (Array.isArray(published) ? published : []).find(
    (one: { readonly table?: unknown }) => one.table === table,
  );
  if (entry === undefined)
    throw new UsageError(`run ${name} has not published to ${table}`, { next: `partwise status ${name}` });
  return String(entry.snapshotId);
}

function systemColumns(config: SummaryConfig): readonly string[] {
  return summaryShape(config).system.map((column) => column.name);
}

function differenceLines(difference: TableDifference, from: string, to: string): readonly string[] {
  const { added, removed, changed, files } = difference;
  const lines = [
    `${difference.table} from ${from} to ${to}: ${count(added)} added, ${count(removed)} removed, ${count(changed)} changed`,
    `${plural(files.shared, 'file')} in common, ${count(files.compared)} compared`,
  ];
  if (difference.months.length > 0) {
    const rows = difference.months.map((month) => [
      month.month,
      count(month.added),
      count(month.removed),
      count(month.changed),
    ]);
    lines.push('', ...textTable({ columns: ['month', 'added', 'removed', 'changed'], rows }));
  }
  if (difference.columns.length > 0) {
    const rows = difference.columns.map((column) => [column.name, count(column.rows)]);
    lines.push('', ...textTable({ columns: ['column', 'rows that differ'], rows }));
  }
  if (difference.examples.length > 0) lines.push('', ...difference.examples.flatMap(exampleLines));
  const total = added + removed + changed;
  if (total > difference.examples.length)
    lines.push(`${count(difference.examples.length)} of ${plural(total, 'row')}; --limit N shows more`);
  return lines;
}

const marks = { added: '+', removed: '-', changed: '~' } as const;

function exampleLines(row: RowDifference): readonly string[] {
  const month = Object.values(row.key).includes(row.month) ? [] : [['month', row.month] as const];
  const key = [...Object.entries(row.key), ...month]
    .map(([name, value]) => `${name} ${cellText(value)}`)
    .join('  ');
  const size = Math.max(0, ...row.columns.map(({ name }) => name.length));
  return [
    `${marks[row.kind]} ${key}${row.kind === 'changed' ? '' : `  ${row.kind}`}`,
    ...row.columns.flatMap(({ name, from, to }) => [
      `    ${name.padEnd(size)}  - ${cellText(from) || 'NULL'}`,
      `    ${' '.repeat(size)}  + ${cellText(to) || 'NULL'}`,
    ]),
  ];
}

import { summaryOnly } from '../../config/index.ts';
import { UsageError } from '../../errors.ts';
import { adoptTables } from '../../summary/adopt/apply.ts';
import type { AdoptFinding } from '../../summary/adopt/finding.ts';
import { type AdoptReport, lookAtAdoption } from '../../summary/adopt/look.ts';
import type { CommandContext, CommandHandler } from '../command.ts';
import type { ExitCode } from '../exit-codes.ts';
import { underLease } from '../lease.ts';
import { loadChosenPipeline } from '../pipeline.ts';
import { openSession } from '../session.ts';

export const adopt: CommandHandler = async (context) => {
  const { flags, environment } = context;
  if (flags.on('apply') && flags.on('dry-run'))
    throw new UsageError('--apply and --dry-run exclude each other');
  const config = summaryOnly((await loadChosenPipeline(context)).config, 'adopt');
  await using session = await openSession(context);
  const { world } = session;
  const report = flags.on('apply')
    ? await underLease(world, config.pipeline, `adopt-${environment.now()}`, () => adoptTables(world, config))
    : await lookAtAdoption(world, config);
  return tell(context, report, flags.on('apply'));
};

function tell({ output }: CommandContext, report: AdoptReport, applied: boolean): ExitCode {
  const exitCode = report.verdict === 'adoptable' ? 0 : 6;
  output.document({ ...report, applied, exitCode });
  for (const [table, findings] of [
    ['summary', report.summary],
    ['latest', report.latest],
  ] as const)
    for (const finding of findings) output.lines(findingLines(table, finding));
  if (report.statement !== undefined) {
    output.line('a table that can be adopted, by Spark, under a name of its own:');
    output.lines(report.statement.split('\n').map((line) => `    ${line}`));
    output.line('then name it under tables.summary in the pipeline file');
  }
  output.line(verdicts[applied ? 'applied' : report.verdict]);
  const next = applied
    ? [...report.afterwards, 'partwise run FILE']
    : report.verdict === 'adoptable'
      ? ['partwise adopt --apply', ...report.afterwards]
      : [];
  for (const [index, command] of next.entries())
    output.line(`${index === 0 ? 'next  ' : '      '} ${output.command(command)}`);
  return exitCode;
}

const verdicts = {
  applied: 'adopted: the next run goes on from these tables',
  adoptable: 'can be adopted as it is',
  rewrite: 'cannot be adopted before it is rewritten',
  refused: 'cannot be adopted',
} as const;

function findingLines(table: string, { status, name, detail, next }: AdoptFinding): readonly string[] {
  return [
    `${status.padEnd(7)}  ${`${table} ${name}`.padEnd(18)} ${detail}`,
    ...(next === undefined ? [] : [`${' '.repeat(28)}next   ${next}`]),
  ];
}

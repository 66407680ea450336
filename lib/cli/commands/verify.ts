import { UsageError } from '../../errors.ts';
import { count, plural } from '../../report/format.ts';
import { textTable } from '../../report/table.ts';
import { runContext } from '../../run/context.ts';
import { planOfRun } from '../../run/local/local.ts';
import { branchEnd, isAppliedTo } from '../../run/publish/branches.ts';
import type { AuditReport } from '../../run/workload.ts';
import { workloadOf } from '../../run/workloads.ts';
import type { CommandContext, CommandHandler } from '../command.ts';
import type { ExitCode } from '../exit-codes.ts';
import { mendingCommands } from '../mending.ts';
import { loadChosenPipeline } from '../pipeline.ts';
import { configOfRun, findRun, openAnywhere } from '../session.ts';

const defaultSample = 10_000;

export const verify: CommandHandler = async (context) =>
  context.flags.on('full') ? verifyAll(context) : verifyOne(context);

async function verifyAll(context: CommandContext): Promise<ExitCode> {
  if (context.arguments.length > 0 || context.flags.number('sample-size') !== undefined) {
    throw new UsageError('--full is about whole tables: it takes no run and no sample size', {
      next: 'partwise verify --full',
    });
  }
  const { config } = await loadChosenPipeline(context);
  await using session = await openAnywhere(context);
  const report = await workloadOf(config).verifyTables(session.world, config);
  return tell(context, `the tables of ${config.pipeline}`, report, {});
}

async function verifyOne(context: CommandContext): Promise<ExitCode> {
  await using session = await openAnywhere(context);
  const run = await findRun(
    session,
    context.arguments[0],
    (one) => one.status === 'succeeded' && branchEnd(one) !== 'dropped',
  );
  if (run.status !== 'succeeded') {
    throw new UsageError(`run ${run.runId} has published nothing (${run.status})`, {
      next: `partwise status ${run.runId}`,
    });
  }
  if (branchEnd(run) === 'dropped') {
    throw new UsageError(`run ${run.runId} went to branch ${run.branch}, which was given up`, {
      next: 'partwise verify --full',
    });
  }
  const plan = await planOfRun(session.world, run);
  if (plan === undefined)
    throw new UsageError(`run ${run.runId} has no plan any more`, { next: 'partwise verify --full' });
  const config = await configOfRun(context, session, run);
  const { world } = session;
  const parallelUnits = world.resources.threads;
  // The name of a branch that was switched to is gone; its snapshots are main's.
  const where = isAppliedTo(run, 'main') ? { ...run, branch: 'main' } : run;
  const inRun = runContext({ world, run: where, config, signal: context.environment.signal, parallelUnits });
  const sampleSize = context.flags.number('sample-size') ?? defaultSample;
  const report = await workloadOf(config).verifyRun(inRun, plan, { sampleSize });
  return tell(context, run.runId, report, { runId: run.runId, sampleSize });
}

function tell(
  context: CommandContext,
  subject: string,
  report: AuditReport,
  about: Readonly<Record<string, unknown>>,
): ExitCode {
  const { output } = context;
  const failed = report.checks.filter((check) => !check.passed);
  const exitCode = report.passed ? 0 : 6;
  output.document({ ...about, ...report, exitCode });
  const rows = report.checks.map((check) => [
    check.name,
    check.passed ? 'passed' : 'FAILED',
    count(check.checked),
    check.detail ?? '',
  ]);
  output.lines(
    textTable({
      columns: ['check', 'result', { title: 'checked', align: 'right' }, 'detail'],
      rows,
      maxCellWidth: 120,
    }),
  );
  if (report.passed)
    output.line(
      `${output.style.green('verified')} ${subject}: ${plural(report.checks.length, 'check')}, nothing differs`,
    );
  else {
    output.line(`${output.style.red('differs')} ${subject}: ${plural(failed.length, 'check')} failed`);
    output.line('safe   nothing was changed by looking');
    for (const [index, next] of mendingCommands(report).entries())
      output.line(`${index === 0 ? 'next  ' : '      '} ${output.command(next)}`);
  }
  return exitCode;
}

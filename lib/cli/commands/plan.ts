import { bytes, count, duration, plural } from '../../report/format.ts';
import { textTable } from '../../report/table.ts';
import { planPipeline } from '../../run/local/local.ts';
import type { Plan, World } from '../../run/workload.ts';
import type { RunRecord } from '../../stores/ports.ts';
import { batchOptions, whatIsWaitedFor } from '../batches.ts';
import type { CommandContext, CommandHandler } from '../command.ts';
import type { ExitCode } from '../exit-codes.ts';
import { withFromMonth } from '../from-month.ts';
import { inputPaths } from '../input-paths.ts';
import { isOnAws } from '../on-aws.ts';
import { describeReport, filePath, inputLines, outcomeCode, type RunReport, reportRun } from '../outcome.ts';
import { loadChosenPipeline } from '../pipeline.ts';
import { statementLines } from '../plan-statements.ts';
import { openSession } from '../session.ts';
import { runReport } from './run.ts';

export const plan: CommandHandler = async (context) => {
  const { flags } = context;
  if (isOnAws(context)) {
    const { startOnAws } = await import('../aws/start.ts');
    return startOnAws(context, 'plan', (_, { world }, report) => tellPlan(context, world, report, costOnAws));
  }
  const config = withFromMonth(context, (await loadChosenPipeline(context)).config);
  await using session = await openSession(context);
  const branch = flags.text('branch');
  const options = {
    world: session.world,
    config,
    ...inputPaths(context),
    ...(branch === undefined ? {} : { branch }),
    signal: context.environment.signal,
    ...batchOptions(context, config),
  };
  const outcome = await planPipeline(options);
  session.progress.finish();
  const isNotDue = config.kind === 'rollup' && outcome.run === undefined;
  const waits = isNotDue ? { waits: await whatIsWaitedFor(context, options) } : {};
  return await tellPlan(context, session.world, { ...runReport(outcome), ...waits });
};

const costOnAws = 'partwise simulate prices runs';

async function tellPlan(
  context: CommandContext,
  world: World,
  report: RunReport,
  unpriced?: string,
): Promise<ExitCode> {
  const { output } = context;
  const { run, plan: made } = report;
  const code = outcomeCode(context, run);
  if (made === undefined || code !== 0) return await reportRun(context, world, report);
  output.document({ ...describeReport(report), exitCode: code });
  output.lines(planLines(made, unpriced));
  if (run !== undefined) output.lines(await sourceLines(context, world, run));
  if (run !== undefined && context.flags.on('sql')) output.lines(await statementLines(world, run, made));
  output.line('no table was touched; the files stay with this plan until it is run or cancelled');
  output.line(`next   ${output.command(`partwise run --plan ${made.runId}`)}`);
  output.line(`       ${output.command(`partwise cancel ${made.runId}`)}`);
  return code;
}

/** Source files named at most. */
const toldFiles = 20;

/** The files of the plan, and what prepare found in them. */
async function sourceLines(
  context: CommandContext,
  world: World,
  run: RunRecord,
): Promise<readonly string[]> {
  const lines: string[] = [];
  let more = 0;
  for await (const item of world.state.intake.list(run.pipeline, { runId: run.runId })) {
    if (lines.length < toldFiles)
      lines.push(`  source    ${filePath(item.location)}, ${bytes(item.sizeBytes)}`);
    else more += 1;
  }
  if (more > 0) lines.push(`  source    and ${plural(more, 'more file', 'more files')}`);
  return [...lines, ...inputLines(run, context.output.command)];
}

/** A plan as people read it: the same facts that are executed. */
export function planLines(made: Plan, unpriced = 'no cost: this machine'): readonly string[] {
  const { estimate } = made;
  const stages = made.stages.map((stage) => [
    stage.name,
    count(stage.units),
    count(stage.rows),
    bytes(stage.bytes),
  ]);
  const cost = estimate.costUsd === undefined ? unpriced : `about $${estimate.costUsd.toFixed(2)}`;
  return [
    `plan ${made.runId} for ${made.branch}`,
    `  strategy  ${made.strategy}: ${made.strategyReason}`,
    ...made.pins.map(
      (pin) =>
        `  pinned    ${pin.table} at ${pin.snapshotId === undefined ? 'nothing yet' : `snapshot ${pin.snapshotId}`}`,
    ),
    ...textTable({ columns: ['stage', 'units', 'rows', 'bytes'], rows: stages, indent: 2 }),
    // The strategy stands above with its reason.
    ...made.explanation.filter((line) => !line.startsWith('strategy ')).map((line) => `  ${line}`),
    `  estimate  about ${duration(estimate.seconds * 1000)}, ${bytes(estimate.bytesRead)} read, ${bytes(estimate.bytesWritten)} written; ${cost}`,
  ];
}

import { bytes, count, duration, plural } from '../../report/format.ts';
import { textTable } from '../../report/table.ts';
import { planPipeline } from '../../run/local.ts';
import type { Plan, World } from '../../run/workload.ts';
import type { RunRecord } from '../../stores/ports.ts';
import type { CommandContext, CommandHandler } from '../command.ts';
import { withFromMonth } from '../from-month.ts';
import { describeReport, filePath, inputLines, outcomeCode, reportRun } from '../outcome.ts';
import { loadChosenPipeline } from '../pipeline.ts';
import { openSession } from '../session.ts';
import { inputPaths, runReport } from './run.ts';

export const plan: CommandHandler = async (context) => {
  const { output, flags } = context;
  const config = withFromMonth(context, (await loadChosenPipeline(context)).config);
  await using session = await openSession(context);
  const branch = flags.text('branch');
  const outcome = await planPipeline({
    world: session.world,
    config,
    ...inputPaths(context),
    ...(branch === undefined ? {} : { branch }),
    signal: context.environment.signal,
  });
  session.progress.finish();
  const report = runReport(outcome);
  const code = outcomeCode(context, outcome.run);
  if (outcome.plan === undefined || code !== 0) return await reportRun(context, session.world, report);
  output.document({ ...describeReport(report), exitCode: code });
  output.lines(planLines(outcome.plan));
  if (outcome.run !== undefined) output.lines(await sourceLines(context, session.world, outcome.run));
  output.line('no table was touched; the files stay with this plan until it is run or cancelled');
  output.line(`next   ${output.command(`partwise run --plan ${outcome.plan.runId}`)}`);
  output.line(`       ${output.command(`partwise cancel ${outcome.plan.runId}`)}`);
  return code;
};

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
export function planLines(made: Plan): readonly string[] {
  const { estimate } = made;
  const stages = made.stages.map((stage) => [
    stage.name,
    count(stage.units),
    count(stage.rows),
    bytes(stage.bytes),
  ]);
  const cost =
    estimate.costUsd === undefined ? 'no cost: this machine' : `about $${estimate.costUsd.toFixed(2)}`;
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

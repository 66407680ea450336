import { bytes, count, duration } from '../../report/format.ts';
import { textTable } from '../../report/table.ts';
import { planPipeline } from '../../run/local.ts';
import type { Plan } from '../../run/workload.ts';
import type { CommandHandler } from '../command.ts';
import { describeReport, outcomeCode, reportRun } from '../outcome.ts';
import { loadChosenPipeline } from '../pipeline.ts';
import { openSession } from '../session.ts';
import { inputPaths, runReport } from './run.ts';

export const plan: CommandHandler = async (context) => {
  const { output, flags } = context;
  const { config } = await loadChosenPipeline(context);
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
  output.line('no table was touched; the files stay with this plan until it is run or cancelled');
  output.line(`next   ${output.command(`partwise run --plan ${outcome.plan.runId}`)}`);
  output.line(`       ${output.command(`partwise cancel ${outcome.plan.runId}`)}`);
  return code;
};

/** A plan as people read it: the same facts that are executed. */
export function planLines(made: Plan): readonly string[] {
  const { estimate } = made;
  const stages = made.stages.map((stage) => [
    stage.name,
    count(stage.units),
    count(stage.rows),
    bytes(stage.bytes),
  ]);
  const cost = estimate.costUsd === undefined ? '' : `, about $${estimate.costUsd.toFixed(2)}`;
  return [
    `plan ${made.runId} for ${made.branch}`,
    `  strategy  ${made.strategy}: ${made.strategyReason}`,
    ...made.pins.map(
      (pin) =>
        `  pinned    ${pin.table} at ${pin.snapshotId === undefined ? 'nothing yet' : `snapshot ${pin.snapshotId}`}`,
    ),
    ...textTable({ columns: ['stage', 'units', 'rows', 'bytes'], rows: stages, indent: 2 }),
    ...made.explanation.map((line) => `  ${line}`),
    `  estimate  about ${duration(estimate.seconds * 1000)}, ${bytes(estimate.bytesRead)} read, ${bytes(estimate.bytesWritten)} written${cost}`,
  ];
}

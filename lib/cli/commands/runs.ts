import { RunCancelledError } from '../../errors.ts';
import { duration, instant, plural } from '../../report/format.ts';
import { textTable } from '../../report/table.ts';
import { workedMs } from '../../run/run-facts.ts';
import { branchText } from '../branches.ts';
import type { CommandHandler } from '../command.ts';
import { unitsBySpark } from '../engine-lines.ts';
import { nextStep } from '../next-step.ts';
import { isUnfinished, openAnywhere } from '../session.ts';

export const runs: CommandHandler = async (context) => {
  const { output, flags } = context;
  await using session = await openAnywhere(context);
  const records = await session.world.state.runs.list(session.pipeline, flags.number('limit') ?? 20);
  output.document({ runs: records });
  if (records.length === 0) output.line('no runs yet');
  else {
    const some = records.some((run) => unitsBySpark(run) > 0);
    const rows = records.map((run) => [
      run.runId,
      run.status,
      branchText(run),
      run.attempt,
      instant(run.createdMs),
      run.endedMs === undefined ? '' : duration(workedMs(run, run.endedMs)),
      ...(some ? [unitsBySpark(run) === 0 ? '' : plural(unitsBySpark(run), 'unit')] : []),
      run.error?.name === RunCancelledError.name ? 'interrupted' : (run.error?.name ?? ''),
    ]);
    const spark = some ? ['by Spark'] : [];
    output.lines(
      textTable({
        columns: ['run', 'status', 'branch', 'attempt', 'started', 'took', ...spark, 'error'],
        rows,
      }),
    );
  }
  const open = records.find(isUnfinished);
  if (open !== undefined) output.line(`next   ${output.command(nextStep(open))}`);
  return 0;
};

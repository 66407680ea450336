import { RunCancelledError } from '../../errors.ts';
import { duration, instant } from '../../report/format.ts';
import { textTable } from '../../report/table.ts';
import { branchText } from '../branches.ts';
import type { CommandHandler } from '../command.ts';
import { isUnfinished, openAnywhere } from '../session.ts';

export const runs: CommandHandler = async (context) => {
  const { output, flags } = context;
  await using session = await openAnywhere(context);
  const records = await session.world.state.runs.list(session.pipeline, flags.number('limit') ?? 20);
  output.document({ runs: records });
  if (records.length === 0) output.line('no runs yet');
  else {
    const rows = records.map((run) => [
      run.runId,
      run.status,
      branchText(run),
      run.attempt,
      instant(run.createdMs),
      run.endedMs === undefined ? '' : duration(run.endedMs - run.createdMs),
      run.error?.name === RunCancelledError.name ? 'interrupted' : (run.error?.name ?? ''),
    ]);
    output.lines(
      textTable({ columns: ['run', 'status', 'branch', 'attempt', 'started', 'took', 'error'], rows }),
    );
  }
  const open = records.find(isUnfinished);
  if (open !== undefined)
    output.line(
      `next   ${output.command(`partwise ${open.status === 'planned' ? 'run --plan' : 'resume'} ${open.runId}`)}`,
    );
  return 0;
};

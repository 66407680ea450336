import type { RunRecord } from '../../stores/ports.ts';
import type { CommandContext } from '../command.ts';
import type { ExitCode } from '../exit-codes.ts';

/** After Ctrl-C while an execution was followed. */
export function tellLeft({ output }: CommandContext, run: RunRecord | undefined): ExitCode {
  const { style, command } = output;
  output.document({ run, following: false, exitCode: 130 });
  const what = run === undefined ? 'the execution' : run.runId;
  output.warn(`${style.yellow('left  ')} ${what} goes on; only looking at it was stopped`);
  output.warn(
    `${style.bold('next  ')} ${command(run === undefined ? 'partwise runs' : `partwise resume ${run.runId}`)}`,
  );
  if (run === undefined) return 130;
  output.warn(`       ${command(`partwise status ${run.runId}`)}`);
  output.warn(`       ${command(`partwise cancel ${run.runId}`)}`);
  return 130;
}

/** What was started and is not followed. */
export function tellDetached(
  { output }: CommandContext,
  { execution, runId }: { readonly execution: string; readonly runId?: string },
): ExitCode {
  output.document({ execution, runId, following: false, exitCode: 0 });
  output.line(`started execution ${execution}`);
  output.line(
    `next   ${output.command(runId === undefined ? 'partwise status' : `partwise status ${runId}`)}`,
  );
  output.line(
    `       ${output.command(runId === undefined ? 'partwise resume' : `partwise resume ${runId}`)}`,
  );
  return 0;
}

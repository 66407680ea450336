import { randomBytes } from 'node:crypto';
import { type Json, StateFailure, type TaskHandler } from '../../asl/index.ts';
import type { SparkTaskList } from '../../engine/spark.ts';
import { SparkUnitError } from '../../errors.ts';
import { readSavedJson } from '../saved-json.ts';
import { sparkHere } from '../spark/use.ts';
import type { World } from '../workload.ts';

/** `Resource` of the optimized integration that starts a job run and waits for its end. */
export const GLUE_RUN = 'arn:aws:states:::glue:startJobRun.sync';

/** The job runs of the state machine as this machine has them: Spark's local process, which runs one list at a time. */
export function localSpark(world: World): TaskHandler {
  return async (taskArguments, { signal }) => {
    const specifications = specificationsOf(taskArguments);
    const list = await readSavedJson<SparkTaskList>(world.results, specifications, '');
    const id = `local-${randomBytes(6).toString('hex')}`;
    try {
      await sparkHere(world).run(list.units, { signal });
    } catch (error) {
      if (!(error instanceof SparkUnitError)) throw error;
      // As the service says that a job run has failed.
      const ended = { Id: id, JobRunState: 'FAILED', ErrorMessage: error.message };
      throw new StateFailure('States.TaskFailed', JSON.stringify(ended), error);
    }
    return { Id: id, JobRunState: 'SUCCEEDED' };
  };
}

function specificationsOf(taskArguments: Json): string {
  const { Arguments: given } = taskArguments as { readonly Arguments?: Readonly<Record<string, Json>> };
  const specifications = given?.['--specifications'];
  if (typeof specifications === 'string') return specifications;
  throw new StateFailure('Glue.InvalidInputException', 'the job needs --specifications');
}

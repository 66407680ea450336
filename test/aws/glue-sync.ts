import {
  BatchStopJobRunCommand,
  GetJobRunCommand,
  GlueClient,
  StartJobRunCommand,
  type StartJobRunCommandInput,
} from '@aws-sdk/client-glue';
import { StateFailure, type TaskHandler } from '../../lib/asl/index.ts';
import { credentials, region } from './stand-ins.ts';

/**
 * `glue:startJobRun.sync` as Step Functions does it: starts the run, asks how it is until it has ended, and stops it when the
 * execution is stopped. https://docs.aws.amazon.com/step-functions/latest/dg/connect-glue.html
 */
export function glueSync(endpoint: string): TaskHandler {
  const client = new GlueClient({ region, credentials, endpoint, maxAttempts: 1 });
  return async (taskArguments, { signal }) => {
    const asked = taskArguments as unknown as StartJobRunCommandInput & { readonly JobName: string };
    const { JobName } = asked;
    const { JobRunId: RunId = '' } = await client
      .send(new StartJobRunCommand(asked))
      .catch((error: Error) => {
        throw new StateFailure(`Glue.${error.name}`, error.message, error);
      });
    const stop = () => client.send(new BatchStopJobRunCommand({ JobName, JobRunIds: [RunId] }));
    signal.addEventListener('abort', stop);
    if (signal.aborted) await stop();
    try {
      for (;;) {
        const { JobRun: run } = await client.send(new GetJobRunCommand({ JobName, RunId }));
        if (run?.JobRunState === 'SUCCEEDED') return run;
        if (run?.JobRunState !== 'RUNNING') throw new StateFailure('States.TaskFailed', JSON.stringify(run));
        await new Promise((done) => setTimeout(done, 200));
      }
    } finally {
      signal.removeEventListener('abort', stop);
    }
  };
}

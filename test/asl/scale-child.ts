import { LAMBDA_INVOKE, lambdaInvoke, loadStateMachine, startExecution } from '../../lib/asl/index.ts';
import { call, definitionOf, distributedMap, toResults } from './support.ts';

/** Runs as many items as its argument says, none of which stays anywhere; prints what happened as JSON. */
const count = Number(process.argv[2]);
let calls = 0;
let running = 0;
let mostRunning = 0;
let succeeded = 0;
const unit = call('work', { Output: {} });
const definition = definitionOf({
  M: distributedMap({ MaxConcurrency: 64, ResultWriter: toResults, Output: {} }, unit),
});
const result = await startExecution({
  machine: loadStateMachine(definition),
  name: 'large',
  input: {},
  tasks: {
    [LAMBDA_INVOKE]: lambdaInvoke({
      work: async () => {
        calls += 1;
        running += 1;
        mostRunning = Math.max(mostRunning, running);
        await new Promise((resolve) => setImmediate(resolve));
        running -= 1;
        return {};
      },
    }),
  },
  objects: {
    async *getObject() {
      for (let index = 0; index < count; index += 1) {
        yield Buffer.from(
          `{"run":"r","stage":"work","unit":"u-${index}","specification":"file:///r/units","offset":${index}}\n`,
        );
      }
    },
    async *listObjects() {},
    async putObject(_bucket, key, body) {
      if (key.includes('SUCCEEDED'))
        succeeded += (JSON.parse(Buffer.from(body).toString()) as readonly unknown[]).length;
    },
  },
});
process.stdout.write(JSON.stringify({ status: result.status, calls, mostRunning, succeeded }));

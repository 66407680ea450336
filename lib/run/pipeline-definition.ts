import { readFile } from 'node:fs/promises';
import { loadStateMachine } from '../asl/index.ts';

let machine: Promise<ReturnType<typeof loadStateMachine>> | undefined;

/** The checked-in definition, bound to the handlers' names and the local results store. */
export function pipelineMachine(): Promise<ReturnType<typeof loadStateMachine>> {
  machine ??= readFile(new URL('../asl/pipeline.asl.json', import.meta.url), 'utf8').then((text) =>
    loadStateMachine(JSON.parse(text), {
      substitutions: {
        intake: 'intake',
        plan: 'plan',
        work: 'work',
        audit: 'audit',
        publish: 'publish',
        report: 'report',
        results: 'results',
        spark: 'spark',
      },
    }),
  );
  return machine;
}

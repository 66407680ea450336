import type { TestProject } from 'vitest/node';
import { type StandIns, startStandIns } from './stand-ins.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    endpoints: StandIns['endpoints'];
  }
}

/** The stand-ins run while the suite runs; test files find them by `inject('endpoints')`. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const standIns = await startStandIns();
  project.provide('endpoints', standIns.endpoints);
  return async () => standIns[Symbol.asyncDispose]();
}

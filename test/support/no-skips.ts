import { appendFileSync } from 'node:fs';
import type { Reporter, TestModule } from 'vitest/node';

/** A test that does not run proves nothing: a run with a skipped test, or with no test at all, fails. */
export default class NoSkips implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const tests = modules.flatMap((module) => [...module.children.allTests()]);
    const count = (state: string) => tests.filter((test) => test.result().state === state);
    const skipped = [...count('skipped'), ...count('pending')];
    const failedModules = modules.filter(
      (module) => module.state() === 'failed' && [...module.children.allTests()].length === 0,
    );
    for (const test of skipped) console.error(`not run: ${test.module.relativeModuleId} > ${test.fullName}`);
    if (tests.length === 0) console.error('no test ran');
    if (skipped.length > 0 || tests.length === 0) process.exitCode = 1;
    const passed = count('passed').length;
    const failed = count('failed').length + failedModules.length + skipped.length;
    console.log(`${passed} passed, ${failed} failed`);
    const tally = process.env['PARTWISE_TEST_TALLY'];
    if (tally !== undefined) appendFileSync(tally, `${passed} ${failed}\n`);
  }
}

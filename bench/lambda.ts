import { rm, symlink } from 'node:fs/promises';
import { resolve } from 'node:path';
import { loadPipeline } from '../lib/config/index.ts';
import { bundleFunctions } from '../lib/stacks/function-code.ts';
import { startLambda } from './lambda-runtime.ts';

const names = ['trigger', 'intake', 'plan', 'work', 'audit', 'publish', 'report', 'reap'];
const rounds = 5;

/**
 * Start of each function's real bundle in a fresh process under a Runtime API of our own, then a call that is refused
 * at once: what a cold and a warm call cost besides their work. This machine's DuckDB stands in for the one for arm64.
 */
export async function lambdaBench(filters: readonly string[]): Promise<void> {
  const folder = resolve(import.meta.dirname, '../.cache/bench/bundle');
  await rm(folder, { recursive: true, force: true });
  bundleFunctions(folder, await loadPipeline(resolve(import.meta.dirname, '../pipelines/accounts.yaml')));
  await rm(`${folder}/node_modules`, { recursive: true });
  await symlink(resolve(import.meta.dirname, '../node_modules'), `${folder}/node_modules`);
  console.log('| function | init ms (median of 5) | first call ms | second call ms | peak MB |');
  console.log('|---|--:|--:|--:|--:|');
  for (const name of names) {
    if (filters.length > 0 && !filters.includes(name)) continue;
    const measured: { init: number; first: number; second: number; peak: number }[] = [];
    for (let round = 0; round < rounds; round += 1) {
      await using lambda = await startLambda({
        bundle: folder,
        name,
        environment: { POWERTOOLS_LOG_LEVEL: 'SILENT' },
      });
      const first = await lambda.call('refused');
      const second = await lambda.call('refused');
      measured.push({
        init: lambda.initMs,
        first: first.elapsedMs,
        second: second.elapsedMs,
        peak: lambda.peakMb(),
      });
    }
    const median = (of: (one: (typeof measured)[number]) => number) =>
      measured.map(of).sort((a, b) => a - b)[Math.floor(rounds / 2)] ?? 0;
    console.log(
      `| ${[name, median((one) => one.init).toFixed(0), median((one) => one.first).toFixed(1), median((one) => one.second).toFixed(1), median((one) => one.peak).toFixed(0)].join(' | ')} |`,
    );
  }
  await rm(folder, { recursive: true, force: true });
}

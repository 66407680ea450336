import { committerBench } from './committer.ts';
import { enginesBench } from './engines.ts';
import { firstLoadBench } from './first-load.ts';
import { lambdaBench } from './lambda.ts';
import { planningBench } from './planning.ts';
import { rebucketBench } from './rebucket.ts';
import { rollupBench } from './rollup.ts';
import { rollupLimitsBench } from './rollup-limits.ts';
import { rollupSparkBench } from './rollup-spark.ts';
import { sparkBench } from './spark.ts';
import { summaryBench } from './summary.ts';

const benches: Readonly<Record<string, (filters: readonly string[]) => Promise<void>>> = {
  committer: committerBench,
  engines: enginesBench,
  'first-load': firstLoadBench,
  lambda: lambdaBench,
  planning: planningBench,
  rebucket: rebucketBench,
  rollup: rollupBench,
  'rollup-limits': rollupLimitsBench,
  'rollup-spark': rollupSparkBench,
  spark: sparkBench,
  summary: summaryBench,
};
const [name = '', ...filters] = process.argv.slice(2);
const bench = benches[name];
if (bench === undefined) {
  console.error(
    `usage: npm run bench -- ${Object.keys(benches).join(' | ')} [words that a scenario's name must hold]`,
  );
  process.exitCode = 2;
} else await bench(filters);

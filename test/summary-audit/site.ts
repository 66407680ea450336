import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import type { SummaryConfig } from '../../lib/config/schema.ts';
import { runContext } from '../../lib/run/context.ts';
import { type LocalWorld, openLocalWorld, type RunOutcome, runPipeline } from '../../lib/run/local/local.ts';
import type { AuditReport, RunContext } from '../../lib/run/workload.ts';
import { parseSummary } from '../support/pipelines.ts';

/** A small warehouse of its own, filled by real runs. */

const pipeline = (extra: string) => `
pipeline: accounts
kind: summary
columns:
  - {name: account, type: bigint}
  - {name: month, type: month}
  - {name: base_ts, type: bigint}
  - {name: balance, type: bigint}
  - {name: rating, type: string}
  - {name: deleted, type: string}
key: account
month: month
version: base_ts
history:
  - {name: balance}
  - {name: rating}
grids:
  - {name: rating_grid, from: rating}
historyLength: 6
delete: {column: deleted}
limits: {badRows: 0}
${extra}`;

export interface Site extends AsyncDisposable {
  readonly world: LocalWorld;
  readonly config: SummaryConfig;
  now: number;
  /** Runs fail when they reach this step. */
  failAt: string | undefined;
  /** Drops the lines `account,month,base_ts,balance,rating,deleted` as one file and runs it. */
  run(lines: readonly string[], branch?: string): Promise<RunOutcome>;
  context(outcome: RunOutcome): RunContext<SummaryConfig>;
}

interface SiteOptions {
  /** Further settings of `maintenance`, each after a comma. */
  readonly maintenance?: string;
  readonly extra?: string;
  readonly buckets?: number;
}

export async function openSite(options: SiteOptions = {}): Promise<Site> {
  const root = await mkdtemp(`${tmpdir()}/partwise-audit-`);
  const extra = `tables: {buckets: ${options.buckets ?? 2}}\nmaintenance: {auto: false${options.maintenance ?? ''}}\n${options.extra ?? ''}`;
  const config = await parseSummary(pipeline(extra), 'accounts.yaml');
  const site = { now: Date.now(), drops: 0, failAt: undefined as string | undefined };
  const world = await openLocalWorld({
    root,
    threads: 1,
    memoryBytes: 1e9,
    clock: { now: () => site.now++ },
    step: async (name) => {
      if (name === site.failAt) throw new Error(`told to fail at ${name}`);
    },
  });
  await mkdir(`${world.stagingPath}/accounts`, { recursive: true });
  return {
    world,
    config,
    get now() {
      return site.now;
    },
    set now(ms) {
      site.now = ms;
    },
    get failAt() {
      return site.failAt;
    },
    set failAt(step) {
      site.failAt = step;
    },
    async run(lines, branch) {
      site.drops += 1;
      const text = ['account,month,base_ts,balance,rating,deleted', ...lines, ''].join('\n');
      await writeFile(`${world.stagingPath}/accounts/drop-${site.drops}.csv`, text);
      const outcome = await runPipeline({ world, config, ...(branch === undefined ? {} : { branch }) });
      if (site.failAt === undefined && outcome.run?.status !== 'succeeded')
        throw new Error(JSON.stringify(outcome.run?.error));
      return outcome;
    },
    context(outcome) {
      if (outcome.run === undefined) throw new Error('there was no run');
      return runContext({
        world,
        run: outcome.run,
        config,
        signal: new AbortController().signal,
        parallelUnits: 1,
      });
    },
    [Symbol.asyncDispose]: async () => {
      await world.close();
      await rm(root, { recursive: true, force: true });
    },
  };
}

/** Every month of the accounts from 1 to `accounts`. */
export function months(accounts: number, list: readonly string[], version: number): string[] {
  return Array.from({ length: accounts }, (_, index) => index + 1).flatMap((account) =>
    list.map(
      (month, index) => `${account},${month},${version},${account * 100 + index},${'ABC'[account % 3]},`,
    ),
  );
}

export function failures(report: AuditReport): readonly string[] {
  return report.checks.filter((check) => !check.passed).map((check) => `${check.name}: ${check.detail}`);
}

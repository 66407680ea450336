import { mkdir, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadPipeline, type SummaryConfig, summaryOnly } from '../../config/index.ts';
import { type AccountView, compareByMonth, readAccount } from '../../demo/account.ts';
import { type DemoDrop, type DemoSize, drops, firstLoad } from '../../demo/drops.ts';
import { demoPipeline } from '../../demo/pipeline.ts';
import { macros } from '../../demo/records.ts';
import { writeDrop } from '../../demo/write-files.ts';
import type { EngineSession } from '../../engine/engine.ts';
import { UsageError } from '../../errors.ts';
import { openLocalWorld, runPipeline } from '../../run/local/local.ts';
import type { LocalWorld } from '../../run/local/local-world.ts';
import { tableIdentifier } from '../../summary/tables/tables.ts';
import { casesOf } from '../case-records.ts';
import type { CommandHandler } from '../command.ts';
import { countFiles, type TableFiles } from '../demo/files.ts';
import { demoFolder, emptyFolder, inRoot } from '../demo/folder.ts';
import { type DropResult, dropLines, dropReport, endLines } from '../demo/story.ts';
import { reportRun } from '../outcome.ts';
import { rememberPipeline } from '../pipeline.ts';
import { makeProgress } from '../progress.ts';
import { refusedRows } from '../quarantine.ts';
import { didYouMean } from '../suggest.ts';
import { loadTogether, snapshotOf } from '../tables.ts';
import { createTableView } from '../views.ts';
import { demoMetrics } from './demo-metrics.ts';
import { runReport } from './run.ts';

const demos = ['accounts', 'metrics'];
const defaultSize: DemoSize = { accounts: 20_000, months: 24 };
const schemaFile = fileURLToPath(new URL('../../../docs/schema/pipeline.schema.json', import.meta.url));
const shownHistory = 'balance_history';

export const demo: CommandHandler = async (context) => {
  const what = context.arguments[0] ?? 'accounts';
  if (what === 'metrics') return demoMetrics(context);
  if (what !== 'accounts')
    throw new UsageError(`there is no demo '${what}'${didYouMean(what, demos)}`, {
      next: `one of ${demos.join(', ')}`,
    });
  const { flags, output, environment } = context;
  const size = {
    accounts: flags.number('accounts') ?? defaultSize.accounts,
    months: flags.number('months') ?? defaultSize.months,
  };
  if (size.accounts < 100 || size.months < 12)
    throw new UsageError('the demo needs at least 100 accounts and 12 months');
  const root = demoFolder(context);
  await emptyFolder(root);
  const startedMs = environment.now();
  const { config } = await writePipeline(root);
  const progress = makeProgress({
    stream: output.stderr,
    quiet: output.quiet || output.stderr.isTTY !== true,
    now: environment.now,
  });
  const threads = flags.number('threads');
  const memoryBytes = flags.number('memory');
  await using world = await openLocalWorld({
    root,
    onProgress: progress.event,
    ...(threads === undefined ? {} : { threads }),
    ...(memoryBytes === undefined ? {} : { memoryBytes }),
  });
  await using maker = await openMaker(world);
  const results: DropResult[] = [];
  const all = [firstLoad(size), ...drops(size)];
  output.line(
    `A warehouse of ${size.accounts.toLocaleString('en-US')} accounts x ${size.months} months in ${relative(environment.home, root) || root}`,
  );
  for (const [index, drop] of all.entries()) {
    const paths = await writeDrop(maker, drop, join(root, 'drops'));
    const before = await look(world, config, drop);
    const outcome = await runPipeline({ world, config, paths, signal: environment.signal });
    progress.finish();
    if (outcome.run?.status !== 'succeeded')
      return await reportRun(inRoot(context, root), world, runReport(outcome));
    const after = await look(world, config, drop);
    const result: DropResult = {
      number: index,
      drop,
      run: outcome.run,
      cases: await casesOf(world, outcome.run, outcome.plan),
      files: after.files.map((file, position) => ({ ...file, before: before.files[position]?.files ?? 0 })),
      compared: compareByMonth(before.account, after.account, 10),
      refused: await refusedRows(world, outcome.run.runId, 10),
    };
    results.push(result);
    output.lines(dropLines(result, output.style));
  }
  output.lines(
    endLines({
      root: relative(environment.home, root),
      elapsedMs: environment.now() - startedMs,
      command: output.command,
    }),
  );
  output.document({ root, elapsedMs: environment.now() - startedMs, drops: results.map(dropReport) });
  return 0;
};

async function writePipeline(root: string): Promise<{ readonly config: SummaryConfig }> {
  const path = join(root, 'pipelines', 'accounts.yaml');
  await mkdir(join(root, 'pipelines'), { recursive: true });
  await writeFile(path, demoPipeline(relative(join(root, 'pipelines'), schemaFile)));
  await rememberPipeline(root, path);
  return { config: summaryOnly(await loadPipeline(path), 'demo') };
}

async function openMaker(world: LocalWorld): Promise<EngineSession> {
  const session = await world.engine.open({
    memoryBytes: 400e6,
    threads: world.resources.threads,
    workFolder: `${world.workRoot}/demo-maker`,
  });
  for (const macro of macros) await session.execute(macro);
  return session;
}

interface Sight {
  readonly account: AccountView | undefined;
  readonly files: readonly TableFiles[];
}

/** What a reader sees now: the sample account, and how many files the tables have. */
async function look(world: LocalWorld, config: SummaryConfig, drop: DemoDrop): Promise<Sight> {
  const names = { summary: tableIdentifier(config, 'summary'), latest: tableIdentifier(config, 'latest') };
  const known = await world.catalog.list();
  const present = [names.summary, names.latest].filter((one) =>
    known.some((table) => table.name === one.name),
  );
  if (present.length < 2) return { account: undefined, files: [] };
  const [summary, latest] = await loadTogether(world, present);
  if (summary === undefined || latest === undefined) return { account: undefined, files: [] };
  await using session = await world.engine.open({
    memoryBytes: 300e6,
    threads: world.resources.threads,
    workFolder: `${world.workRoot}/demo-look`,
  });
  await createTableView({
    world,
    session,
    table: latest,
    snapshotId: snapshotOf(latest, {}),
    names: ['latest'],
  });
  return {
    account: await readAccount(session, drop.sample, shownHistory),
    files: [await countFiles(world, 'summary', summary), await countFiles(world, 'latest', latest)],
  };
}

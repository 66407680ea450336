import { randomBytes } from 'node:crypto';
import { text as readText } from 'node:stream/consumers';
import type { PipelineConfig, RollupConfig } from '../../config/index.ts';
import type { EngineSession } from '../../engine/engine.ts';
import { identifier, text } from '../../engine/sql.ts';
import { ConfigError, UsageError } from '../../errors.ts';
import { createOpenWindows } from '../../rollup/provisional.ts';
import { planOfRun } from '../../run/local/local.ts';
import type { World } from '../../run/workload.ts';
import type { RunRecord } from '../../stores/ports.ts';
import { caseColumns, caseRow, casesAndSteps } from '../case-records.ts';
import type { CommandContext, CommandHandler } from '../command.ts';
import { runColumns, runRow, unitColumns, unitRows } from '../history-records.ts';
import { loadChosenPipeline } from '../pipeline.ts';
import { printRows } from '../print-rows.ts';
import { openAnywhere, type Session } from '../session.ts';
import { stepColumns } from '../step-records.ts';
import { fullName, loadTogether, snapshotOf, tablesOf } from '../tables.ts';
import { createRecordTable, createTableView } from '../views.ts';

const defaultRows = 200;

export const sql: CommandHandler = async (context) => {
  const { flags, output } = context;
  const given = context.arguments[0] ?? '';
  const query = (given === '-' ? await readText(process.stdin) : given).trim().replace(/;\s*$/, '');
  await using session = await openAnywhere(context);
  const { world } = session;
  await using engine = await world.engine.open({
    ...world.resources,
    workFolder: `${world.workRoot}/sql-${randomBytes(6).toString('hex')}`,
  });
  const chosen = await chosenPipeline(context);
  const config = chosen instanceof ConfigError ? undefined : chosen;
  await mustBeQuery(engine, query);
  await createTableViews(context, world, engine, config, query);
  if (config?.kind === 'rollup') {
    const branch = flags.text('branch') ?? 'main';
    await createRollupViews({ world, engine, config, branch, query });
  }
  await createHistoryTables(session, engine, query);
  const columns = await describe(engine, query, config).catch((error: unknown) => {
    // What its tables are called is known from the file alone, so they seem not to exist.
    throw chosen instanceof ConfigError ? chosen : error;
  });
  await printRows({
    output,
    columns,
    rows: engine.stream(`SELECT * FROM (${query}\n)`),
    form: flags.on('csv') ? 'csv' : 'table',
    limit: flags.number('limit') ?? defaultRows,
  });
  return 0;
};

/**
 * The pipeline whose tables have short names, if there is one. What is wrong with its file is in nobody's way as long as the
 * query does without.
 * @throws ConfigError when the file was asked for
 */
async function chosenPipeline(context: CommandContext): Promise<PipelineConfig | ConfigError | undefined> {
  try {
    return (await loadChosenPipeline(context)).config;
  } catch (error) {
    if (context.flags.text('pipeline') !== undefined) throw error;
    return error instanceof ConfigError ? error : undefined;
  }
}

/**
 * Takes one query and nothing else: the parser of the engine serialises only SELECT, so anything that could write
 * is refused before it is run. @throws UsageError with the parser's message
 */
async function mustBeQuery(engine: EngineSession, query: string): Promise<void> {
  for (const candidate of [query, `SELECT * FROM (${query}\n)`]) {
    const [row] = await engine.query(`SELECT json_serialize_sql(${text(candidate)}) AS parsed`);
    const parsed: { error: boolean; error_message?: string; statements?: readonly unknown[] } = JSON.parse(
      String(row?.parsed),
    );
    if (!parsed.error && parsed.statements?.length === 1) return;
    if (candidate !== query || /^\s*select/i.test(query)) {
      const reason = parsed.error ? (parsed.error_message ?? 'it cannot be parsed') : 'one query at a time';
      throw new UsageError(`not a query: ${reason}`, {
        safe: 'nothing was run',
        next: 'partwise sql --help',
      });
    }
  }
}

/** Views of the tables that the query mentions, all as of one moment. */
async function createTableViews(
  context: CommandContext,
  world: World,
  engine: EngineSession,
  config: PipelineConfig | undefined,
  query: string,
): Promise<void> {
  const own = config === undefined ? [] : tablesOf(config);
  const wanted = (await world.catalog.list()).flatMap((one) => {
    const role = own.find(({ identifier }) => fullName(identifier) === fullName(one))?.role;
    const isAveraged = role === 'rollups' && mentions(query, 'averages');
    return isAveraged || mentions(query, one.name) || (role !== undefined && mentions(query, role))
      ? [{ identifier: one, role }]
      : [];
  });
  const tables = await loadTogether(
    world,
    wanted.map((one) => one.identifier),
  );
  const branch = context.flags.text('branch');
  for (const [index, table] of tables.entries()) {
    const { namespace, name } = table.identifier;
    const role = wanted[index]?.role;
    // A branch is made in the tables that its runs wrote; the others are on it as they are on main.
    const onBranch = branch !== undefined && Object.hasOwn(table.metadata.refs, branch);
    if (branch !== undefined && role === own[0]?.role) snapshotOf(table, { branch });
    const schema = identifier(namespace);
    await engine.execute(`CREATE SCHEMA IF NOT EXISTS ${schema}`);
    const names = [
      `${schema}.${identifier(name)}`,
      `main.${identifier(name)}`,
      ...(role === undefined ? [] : [`main.${identifier(role)}`]),
    ];
    await createTableView({
      world,
      session: engine,
      table,
      snapshotId: snapshotOf(table, onBranch ? { branch } : {}),
      names,
    });
  }
}

interface RollupViewsOptions {
  readonly world: World;
  readonly engine: EngineSession;
  readonly config: RollupConfig;
  readonly branch: string;
  readonly query: string;
}

/** `open_windows`: what is not published yet, as it would be if no more points came. `averages`: the rollups with sum / count. */
async function createRollupViews(options: RollupViewsOptions): Promise<void> {
  const { world, engine, config, branch, query } = options;
  if (mentions(query, 'open_windows'))
    await createOpenWindows({ world, session: engine, config, branch, name: 'open_windows' });
  if (mentions(query, 'averages'))
    await engine.execute('CREATE VIEW averages AS SELECT *, "sum" / "count" AS average FROM rollups');
}

async function createHistoryTables(
  { world, pipeline }: Session,
  engine: EngineSession,
  query: string,
): Promise<void> {
  const { runs } = world.state;
  let listed: readonly RunRecord[] | undefined;
  const all = async () => {
    listed ??= await runs.list(pipeline, Number.MAX_SAFE_INTEGER);
    return listed;
  };
  if (mentions(query, 'runs')) {
    await createRecordTable({
      session: engine,
      name: 'runs',
      columns: runColumns,
      records: (await all()).map(runRow),
    });
  }
  if (mentions(query, 'units')) {
    const records = async function* () {
      for (const run of await all())
        yield* unitRows(world.state, run.runId) as AsyncIterable<Record<string, unknown>>;
    };
    await createRecordTable({ session: engine, name: 'units', columns: unitColumns, records: records() });
  }
  if (mentions(query, 'steps')) {
    const records = async function* () {
      for (const run of await all())
        yield* (await casesAndSteps(world, run, await planOfRun(world, run)))
          .steps as readonly unknown[] as readonly Record<string, unknown>[];
    };
    await createRecordTable({ session: engine, name: 'steps', columns: stepColumns, records: records() });
  }
  if (mentions(query, 'cases')) {
    const records = async function* () {
      for (const run of await all()) {
        const { cases, steps } = await casesAndSteps(world, run, await planOfRun(world, run));
        for (const one of cases) yield caseRow(run, one, steps);
      }
    };
    await createRecordTable({ session: engine, name: 'cases', columns: caseColumns, records: records() });
  }
}

async function describe(
  engine: EngineSession,
  query: string,
  config: PipelineConfig | undefined,
): Promise<readonly string[]> {
  try {
    const described = await engine.query(`DESCRIBE SELECT * FROM (${query}\n)`);
    return described.map((row) => String(row.column_name));
  } catch (cause) {
    const reason =
      cause instanceof Error
        ? cause.message.replace(/\nin: [\s\S]*$/, '').replace(/\n\nLINE \d+:[\s\S]*$/, '')
        : String(cause);
    throw new UsageError(reason, {
      cause,
      safe: 'nothing was run',
      next: whatThereIs(config),
    });
  }
}

function whatThereIs(config: PipelineConfig | undefined): string {
  const own =
    config === undefined ? ['summary', 'latest', 'tombstones'] : tablesOf(config).map((one) => one.role);
  const views = config?.kind === 'rollup' ? ['averages', 'open_windows'] : [];
  return `there are ${[...own, ...views, 'runs', 'units', 'steps'].join(', ')} and cases; DESCRIBE ${own[0]} lists columns`;
}

function mentions(query: string, name: string): boolean {
  return query.toLowerCase().includes(name.toLowerCase());
}

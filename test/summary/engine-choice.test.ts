import { readFile, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import type { SparkRunner } from '../../lib/engine/spark.ts';
import { engineFacts } from '../../lib/run/engines/engine-facts.ts';
import { routeUnit } from '../../lib/run/engines/route-unit.ts';
import { planPipeline, runPipeline } from '../../lib/run/local/local.ts';
import { filePath } from '../../lib/stores/location.ts';
import { routePlan, routeUnits, wholeCells } from '../../lib/summary/plan/engine.ts';
import type { PlannedResolve } from '../../lib/summary/plan/plan.ts';
import type { ApplyGroup, ApplySpec, FileSpec, SummaryContext } from '../../lib/summary/types.ts';
import { openFixture, smallPipeline } from '../run/fixture.ts';
import { parseSummary } from '../support/pipelines.ts';

const config = (work: string) =>
  parseSummary(`${smallPipeline}tables: {buckets: 1}\nmaintenance: {auto: false}\nwork: ${work}\n`, 'p.yaml');

/** Plans only; a plan that touches Spark would fail. */
const idle: SparkRunner = {
  run: async () => {
    throw new Error('no unit was to run');
  },
};

async function planned(work: string, spark: SparkRunner | 'glue' = idle) {
  await using fixture = await openFixture({ spark: idle });
  const world = { ...fixture.world, spark };
  const drop = async (name: string, rows: readonly string[]) => {
    const path = `${world.rootPath}/${name}`;
    await writeFile(path, ['account_id,month,base_ts,balance,soft_delete', ...rows].join('\n'));
    return path;
  };
  const first = await drop('a.csv', ['1,2026-01,2026-04-01,11,', '1,2026-02,2026-04-01,12,']);
  await runPipeline({ world, config: await config('{}'), paths: [first] });
  const late = await drop('b.csv', ['1,2026-01,2026-05-01,13,']);
  const { plan, run } = await planPipeline({ world, config: await config(work), paths: [late] });
  const stage = plan?.stages.find(({ name }) => name === 'apply');
  const items = stage === undefined ? '' : await readFile(filePath(stage.items), 'utf8');
  const specs = await Promise.all(
    items
      .split('\n')
      .filter((line) => line !== '')
      .map(async (line) => {
        const { specification, offset, length } = JSON.parse(line);
        const bytes = await readFile(filePath(specification));
        return JSON.parse(bytes.subarray(offset, offset + length).toString()) as ApplySpec;
      }),
  );
  return { plan, run, specs };
}

describe('the engine of a unit', () => {
  it('is DuckDB unless something else is asked for', async () => {
    const { plan, specs } = await planned('{strategy: partitionwise}');
    expect(specs.length).toBeGreaterThan(0);
    expect(specs.every((spec) => spec.engine === undefined)).toBe(true);
    expect(plan?.explanation.join('\n')).not.toMatch(/Spark/);
  });

  it('is Spark where the pipeline says so, and the plan tells', async () => {
    const { plan, specs } = await planned('{engine: spark}');
    expect(specs.length).toBeGreaterThan(0);
    expect(specs.every((spec) => spec.engine === 'spark')).toBe(true);
    expect(plan?.strategy).toBe('partitionwise');
    expect(plan?.explanation).toContain(
      `engine: 1 of 1 units of resolve and ${specs.length} of ${specs.length} units of apply by Spark (configured), all else by DuckDB`,
    );
  });

  it('goes by the bytes of the unit’s files with work.sparkAbove', async () => {
    const rule = { engine: 'auto', sparkAbove: '1 MB' } as const;
    const needs = (bytes: number) => ({
      bytes,
      piece: 'a cell',
      memoryBytes: 0,
      pieceSeconds: 0,
      diskBytes: 0,
    });
    expect(routeUnit(rule, needs(1e6), undefined).engine).toBe('duckdb');
    expect(routeUnit(rule, needs(1e6 + 1), undefined)).toEqual({
      engine: 'spark',
      cause: 'sparkAbove',
      reason: 'above work.sparkAbove (1 MB)',
    });
    const { plan } = await planned('{strategy: partitionwise, sparkAbove: 1 GB}');
    expect(plan?.explanation.join('\n')).toMatch(
      /engine: 0 of \d+ units of resolve and 0 of \d+ units of apply by Spark \(each fits, or is not asked for\)/,
    );
  });

  it('has a price where Spark is a job on Glue, beside that of functions', async () => {
    const { plan, specs } = await planned('{engine: spark}', 'glue');
    expect(specs).toHaveLength(1);
    const lines = plan?.explanation ?? [];
    const at = lines.findIndex((line) =>
      line.startsWith('engine: 1 of 1 units of resolve and 1 of 1 units of apply'),
    );
    expect(lines[at + 1]).toMatch(
      /^ {2}Spark: resolve in 1 run on Glue of 2 G\.1X \(4 cores\), about \d+ min and \d+\.\d DPU-hours, \$\d+\.\d\d; in functions it would be \$\d+\.\d\d \(reckoned\)$/,
    );
  });

  it('is Spark for cells that a function has not the time or the disk for, in units of some minutes of a cluster', async () => {
    const { aws, ...rest } = await config('{}');
    const context = {
      config: { ...rest, aws: { ...aws, unitTimeout: '1m' } },
      world: { spark: 'glue', resources: { memoryBytes: 2e9, threads: 2 } },
    } as SummaryContext;
    const cell = (month: number, rows: number, sizeBytes: number): ApplyGroup => ({
      bucket: 0,
      month,
      mode: 'copy-on-write',
      reason: 'configured',
      files: [
        { location: `file:///${month}`, specId: 0, partition: [], month, rows, sizeBytes, deletes: [] },
      ],
      expectedRows: 10,
    });
    const routed = routeUnits(context, [
      [cell(1, 1_000, 1e6)],
      [cell(2, 1e8, 1e9)],
      [cell(3, 1e8, 1e9)],
      [cell(4, 1_000, 9e9)],
      [cell(5, 1_000, 2e6)],
    ]);
    expect(routed.map(({ route, groups }) => [route.cause, groups.map(({ month }) => month)])).toEqual([
      ['fits', [1]],
      ['fits', [5]],
      ['time', [2, 3]],
      ['disk', [4]],
    ]);
    const facts = engineFacts(context, routed);
    expect(facts?.stages).toEqual([{ stage: 'apply', units: 4, sparkUnits: 2 }]);
    expect(facts?.price).toMatchObject({ functions: { units: 2 }, spark: [{ stage: 'apply' }] });
    expect(facts?.causes.map(({ cause, units }) => [cause, units])).toEqual([
      ['time', 1],
      ['disk', 1],
    ]);
  });

  it('of resolve goes by the same rule: by its records, rows of latest and memory', async () => {
    const small = await config('{}');
    const context = {
      config: small,
      attempt: 2,
      world: { spark: 'glue', resources: { memoryBytes: 2e9, threads: 2 } },
    } as SummaryContext;
    const file = (rows: number, sizeBytes: number): FileSpec => ({
      location: 'file:///latest',
      specId: 0,
      partition: [],
      month: 0,
      rows,
      sizeBytes,
      deletes: [],
    });
    const unit = (records: number, latest: FileSpec): PlannedResolve => ({
      label: 'b00000',
      rows: records,
      bytes: latest.sizeBytes,
      specification: {
        stage: 'resolve',
        strategy: 'partitionwise',
        bucket: 0,
        buckets: 1,
        columns: '',
        sources: [],
        feed: [],
        months: [[24_313, records, 0]],
        summary: [],
        latest: [latest],
        tombstones: [],
        groups: [],
      },
    });
    const units = [
      unit(10, file(1_000, 1e6)),
      unit(1e9, file(1_000, 1e6)),
      unit(10, file(1e12, 1e9)),
      unit(10, file(1_000, 9e9)),
    ];
    const routed = await routePlan(context, { strategy: 'partitionwise', resolve: units, apply: [] });
    expect(routed.resolve.map(({ route }) => route.cause)).toEqual(['fits', 'memory', 'time', 'disk']);
    expect(routed.resolve.map(({ unit }) => unit.specification.engine)).toEqual([
      undefined,
      'spark',
      'spark',
      'spark',
    ]);
    expect(routed.resolve[1]?.route.reason).toMatch(/^a bucket takes [\d,]+ MB of memory, a unit has/);
  });

  it('is DuckDB in a unified run, however large its units are', async () => {
    const { plan, specs } = await planned('{strategy: unified, sparkAbove: 1 KB}');
    expect(plan?.strategy).toBe('unified');
    expect(specs.map(({ engine }) => engine)).toEqual([undefined]);
    expect(plan?.explanation.join('\n')).not.toMatch(/Spark/);
  });

  it('is refused by name where there is no Spark, before anything is worked on', async () => {
    await using fixture = await openFixture();
    expect(fixture.world.spark).toBeUndefined();
    const path = `${fixture.world.rootPath}/a.csv`;
    await writeFile(path, 'account_id,month,base_ts,balance,soft_delete\n1,2026-01,2026-04-01,11,\n');
    const { run } = await planPipeline({
      world: fixture.world,
      config: await config('{engine: spark}'),
      paths: [path],
    });
    expect(run?.error).toMatchObject({ name: 'SparkMissingError', next: `partwise resume ${run?.runId}` });
    expect(run?.error?.message).toMatch(/work\.engine: there is no Spark here/);
  });
});

describe('groups of a unit for Spark', () => {
  const group = (month: number, mode: ApplyGroup['mode'], name: string): ApplyGroup => ({
    bucket: 0,
    month,
    mode,
    reason: name,
    files: [
      { location: `file:///${name}`, specId: 0, partition: [], month, rows: 1, sizeBytes: 1, deletes: [] },
    ],
    expectedRows: 1,
  });

  it('are one for each cell, copied when any of its files is', () => {
    const groups = [
      group(1, 'merge-on-read', 'a'),
      group(1, 'copy-on-write', 'b'),
      group(2, 'merge-on-read', 'c'),
    ];
    expect(
      wholeCells(groups).map(({ month, mode, files, expectedRows }) => [
        month,
        mode,
        files.length,
        expectedRows,
      ]),
    ).toEqual([
      [1, 'copy-on-write', 2, 2],
      [2, 'merge-on-read', 1, 1],
    ]);
  });
});

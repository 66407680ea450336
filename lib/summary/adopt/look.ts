import type { SummaryConfig } from '../../config/schema.ts';
import { TableNotFoundError, UnsupportedFeatureError } from '../../errors.ts';
import { currentSnapshot, loadTableIfExists, type Table } from '../../iceberg/index.ts';
import type { World } from '../../run/workload.ts';
import { lookAtLatest } from '../repair/look.ts';
import { summaryShape } from '../tables/columns.ts';
import { type Role, tableIdentifier, targetTables } from '../tables/tables.ts';
import { columnFindings } from './columns.ts';
import type { AdoptFinding } from './finding.ts';
import { type Layout, layoutOf } from './layout.ts';
import { missingProperties } from './properties.ts';
import { rowFindings } from './rows.ts';
import { rewriteStatement } from './spark-sql.ts';

export interface AdoptReport {
  /** By table. */
  readonly summary: readonly AdoptFinding[];
  readonly latest: readonly AdoptFinding[];
  /** `adoptable`: `--apply` takes the tables over. */
  readonly verdict: 'adoptable' | 'rewrite' | 'refused';
  /** What to type after adoption, in this order. */
  readonly afterwards: readonly string[];
  /** Of tables that have to be rewritten: the Spark statement that does it, beside the table that is there. */
  readonly statement: string | undefined;
}

/**
 * What stands between the tables that the pipeline file names, made by whoever, and runs that go on from them. Reads all
 * arrays; changes nothing.
 * @throws TableNotFoundError when there is no table of the summary's name
 */
export async function lookAtAdoption(world: World, config: SummaryConfig): Promise<AdoptReport> {
  const shape = summaryShape(config);
  const found = await load(world, config, 'summary');
  if (found === undefined) {
    const { namespace, name } = tableIdentifier(config, 'summary');
    throw new TableNotFoundError(`there is no table ${namespace}.${name}`, {
      safe: 'nothing was changed',
      next: 'name the table that is there under tables.namespace and tables.summary in the pipeline file',
    });
  }
  if ('status' in found)
    return { summary: [found], latest: [], verdict: 'refused', afterwards: [], statement: undefined };
  const targets = targetTables(
    { ...config, tables: { ...config.tables, buckets: config.tables.buckets ?? 1 } },
    world.warehouse.root,
  );
  const target = (role: Role) => targets.find((one) => one.role === role) ?? targets[0];
  const [summaryTarget, latestTarget] = [target('summary'), target('latest')];
  if (summaryTarget === undefined || latestTarget === undefined)
    throw new TypeError('a summary has two tables');

  const layout = await layoutOf({ store: world.warehouse, table: found, config, byMonth: true });
  const columns = columnFindings(found, summaryTarget, shape);
  const canRead = columns.every(({ status }) => status !== 'refused') && layout.files.length > 0;
  const rows = canRead
    ? await rowFindings({ world, table: found, shape, deleteCodes: config.delete?.codes ?? [], layout })
    : { findings: [], rows: 0, wrongMonths: undefined };
  const properties = missingProperties(found, summaryTarget);
  const summary: readonly AdoptFinding[] = [...columns, ...layout.findings, ...rows.findings, ...properties];
  const fits = summary.every(({ status }) => status !== 'refused' && status !== 'rewrite');
  const latest = await latestFindings({ world, config, layout, fits, target: latestTarget, shape });
  const all = [...summary, ...latest.findings];
  const verdict = all.some(({ status }) => status === 'refused')
    ? 'refused'
    : all.some(({ status }) => status === 'rewrite')
      ? 'rewrite'
      : 'adoptable';
  const months = new Set(layout.files.map(({ file }) => String(file.partition[0])));
  const { wrongMonths } = rows;
  return {
    summary,
    latest: latest.findings,
    verdict,
    afterwards: [
      ...(wrongMonths === undefined
        ? []
        : [`partwise rebuild --month ${wrongMonths.first}..${wrongMonths.last}`]),
      ...(latest.needsRepair ? ['partwise repair latest --all'] : []),
    ],
    statement: summary.some(({ status }) => status === 'rewrite')
      ? rewriteStatement({
          catalog: world.catalog.name,
          table: found,
          config,
          shape,
          rows: rows.rows,
          months: months.size,
        })
      : undefined,
  };
}

async function load(
  world: World,
  config: SummaryConfig,
  role: Role,
): Promise<Table | AdoptFinding | undefined> {
  const identifier = tableIdentifier(config, role);
  try {
    return await loadTableIfExists({ store: world.warehouse, catalog: world.catalog, identifier });
  } catch (error) {
    if (!(error instanceof UnsupportedFeatureError)) throw error;
    return { status: 'refused', name: 'format', detail: error.message };
  }
}

interface LatestOptions {
  readonly world: World;
  readonly config: SummaryConfig;
  readonly shape: ReturnType<typeof summaryShape>;
  readonly target: Parameters<typeof columnFindings>[1];
  readonly layout: Layout;
  /** Whether the summary can be adopted as it is. */
  readonly fits: boolean;
}

async function latestFindings(
  options: LatestOptions,
): Promise<{ readonly findings: readonly AdoptFinding[]; readonly needsRepair: boolean }> {
  const { world, config, target, fits, shape } = options;
  const found = await load(world, config, 'latest');
  if (found === undefined || (!('status' in found) && currentSnapshot(found) === undefined))
    return {
      findings: [{ status: 'mend', name: 'latest', detail: 'there is none yet; it is made from summary' }],
      needsRepair: true,
    };
  if ('status' in found) return { findings: [otherName(found)], needsRepair: true };
  const layout = await layoutOf({ store: world.warehouse, table: found, config, byMonth: false });
  const columns = columnFindings(found, target, shape);
  const same: readonly AdoptFinding[] =
    layout.buckets === undefined || layout.buckets === options.layout.buckets
      ? []
      : [
          {
            status: 'rewrite',
            name: 'partitions',
            detail: `${layout.buckets} buckets, and summary has ${options.layout.buckets}`,
          },
        ];
  const findings = [...columns, ...layout.findings, ...same];
  if (findings.some(({ status }) => status === 'refused' || status === 'rewrite'))
    return { findings: findings.map(otherName), needsRepair: true };
  const properties = missingProperties(found, target);
  if (!fits) return { findings: [...findings, ...properties], needsRepair: true };
  const look = await lookAtLatest(world, config, 'all');
  const keys = look.deviating.reduce((sum, one) => sum + one.deviating, 0);
  const rows: AdoptFinding =
    keys === 0
      ? { status: 'ok', name: 'rows', detail: `${look.keys} keys, each with its newest row of summary` }
      : { status: 'mend', name: 'rows', detail: `${keys} keys are not what summary says of them` };
  return { findings: [...findings, rows, ...properties], needsRepair: keys > 0 };
}

/** Another latest is made more easily than this one is mended, unless the pipeline file is what is to be mended. */
function otherName(finding: AdoptFinding): AdoptFinding {
  if (finding.status !== 'refused' && finding.status !== 'rewrite') return finding;
  if (finding.next?.startsWith('tables.buckets:') === true) return finding;
  return {
    ...finding,
    next: 'another name under tables.latest in the pipeline file: it is made from summary',
  };
}

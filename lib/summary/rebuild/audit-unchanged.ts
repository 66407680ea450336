import { identifier, text } from '../../engine/sql.ts';
import { liveRows } from '../../upkeep/live-rows.ts';
import { rowsChecksum } from '../../upkeep/rows-checksum.ts';
import { filesAfter, type RoleState, type StateFile } from '../audit/state.ts';
import { changedRun, storedNames } from '../tables/columns.ts';
import type { BucketTables } from '../verify/bucket.ts';

interface UnchangedOptions {
  readonly after: BucketTables;
  readonly summary: RoleState;
  readonly runId: string;
}

/**
 * In every cell that the run wrote in: the same rows as before in all columns but arrays, grids and the run's name, and
 * the same in all columns where the row does not name the run.
 */
export async function auditUnchanged({ after, summary, runId }: UnchangedOptions): Promise<void> {
  const { session, shape, findings } = after;
  const derived = new Set([...shape.histories, ...shape.grids].map(({ name }) => name));
  const own = storedNames(shape).filter((name) => !derived.has(name) && name !== changedRun);
  const key = identifier(shape.key.name);
  const run = `${identifier(changedRun)} IS NOT DISTINCT FROM ${text(runId)}`;
  for (const month of touchedMonths(summary)) {
    const of = (file: StateFile) => file.month === month;
    const old = await cellRows(after, summary.before.filter(of));
    const fresh = await cellRows(after, filesAfter(summary).filter(of));
    const sums = async (rows: string, carried: string) => {
      const [row] = await session.query(
        `SELECT count(*) AS n, count(*) FILTER (${carried}) AS carried, ${rowsChecksum(own)} AS own, ${rowsChecksum(storedNames(shape), carried)} AS whole FROM ${rows}`,
      );
      return [row?.['n'], row?.['carried'], row?.['own'], row?.['whole']].map(String).join('/');
    };
    const changed = `${key} IN (SELECT ${key} FROM ${fresh} WHERE ${run})`;
    const [before, now] = [await sums(old, `NOT ${changed}`), await sums(fresh, `NOT (${run})`)];
    findings.checked('carried rows', Number(before.split('/')[0]));
    if (before === now) continue;
    findings.failed(
      'carried rows',
      `month ${month}, bucket ${after.bucket}: rows, unchanged rows and their checksums were ${before}, found ${now}`,
    );
  }
}

function cellRows({ world, schemas }: BucketTables, files: readonly StateFile[]): Promise<string> {
  const schema = schemas.get('summary') ?? { schemaId: 0, fields: [] };
  return liveRows({ store: world.warehouse, schema, files });
}

/** Months of files that go, come, or get other delete files. */
function touchedMonths(state: RoleState): readonly string[] {
  const months = new Set(state.added.map(({ month }) => month));
  for (const { location, month } of state.before) if (state.removed.has(location)) months.add(month);
  for (const { month } of state.addedDeletes) months.add(month);
  return [...months].sort();
}

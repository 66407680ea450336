import { CommitConflictError, UsageError } from '../../errors.ts';
import { commitStaged, dropRef, type StagedCommit, setRef, type Table } from '../../iceberg/index.ts';
import type { LocalWorld } from '../../run/local-world.ts';
import type { CommandHandler } from '../command.ts';
import { underLease } from '../lease.ts';
import { loadChosenPipeline } from '../pipeline.ts';
import { openExisting } from '../session.ts';
import { fullName, loadTogether, roles, tableIdentifiers } from '../tables.ts';

export const switchBranch: CommandHandler = async (context) => {
  const { output } = context;
  const branch = context.arguments[0] ?? '';
  if (branch === 'main') throw new UsageError('main is what readers see already');
  const { config } = await loadChosenPipeline(context);
  await using session = await openExisting(context);
  const { world } = session;
  const switched = await underLease(world, config.pipeline, `switch-${branch}`, async () => {
    const own = tableIdentifiers(config);
    const known = new Set((await world.catalog.list()).map(fullName));
    const identifiers = roles.map((role) => own[role]).filter((one) => known.has(fullName(one)));
    const tables = (await loadTogether(world, identifiers)).filter((table) =>
      Object.hasOwn(table.metadata.refs, branch),
    );
    if (tables.length === 0) {
      throw new UsageError(`no table of ${config.pipeline} has a branch ${branch}`, {
        next: `partwise run FILE --branch ${branch}`,
      });
    }
    const published = await publishBranch(world, tables, branch);
    await removeBranch(world, published, branch);
    return published.map((table) => ({
      table: fullName(table.identifier),
      snapshotId: String(table.metadata.refs.main?.snapshotId ?? ''),
    }));
  });
  output.line(`main is now what ${branch} was:`);
  for (const one of switched) output.line(`  ${one.table} at snapshot ${one.snapshotId}`);
  output.document({ branch, tables: switched });
  return 0;
};

/** The commit point: main of every table of the branch moves in one swap. */
async function publishBranch(
  world: LocalWorld,
  tables: readonly Table[],
  branch: string,
): Promise<readonly Table[]> {
  const staged: StagedCommit[] = [];
  for (const table of tables) {
    const target = table.metadata.refs[branch];
    if (target === undefined) continue;
    const ref = { type: 'branch', snapshotId: target.snapshotId } as const;
    staged.push(
      await setRef({
        store: world.warehouse,
        table,
        clock: world.clock,
        name: 'main',
        ref,
        fastForward: true,
      }).catch((cause: unknown) => {
        if (!(cause instanceof CommitConflictError)) throw cause;
        throw new CommitConflictError(`main has moved on since branch ${branch} was made`, {
          cause,
          details: { table: fullName(table.identifier) },
          safe: 'both are as they were',
          next: 'partwise run FILE takes the files of the branch to main',
        });
      }),
    );
  }
  return commitStaged({ store: world.warehouse, catalog: world.catalog, staged });
}

async function removeBranch(world: LocalWorld, tables: readonly Table[], branch: string): Promise<void> {
  const staged: StagedCommit[] = [];
  for (const table of tables)
    staged.push(await dropRef({ store: world.warehouse, table, clock: world.clock, name: branch }));
  await commitStaged({ store: world.warehouse, catalog: world.catalog, staged });
}

import { duckDb } from '../../engine/duckdb-dialect.ts';
import type { EngineOptions, EngineSession } from '../../engine/engine.ts';
import { text } from '../../engine/sql.ts';
import type { UnitItem } from '../../run/workload.ts';
import { type OpenFiles, openFiles } from '../files/reading.ts';
import type { UnitTable } from '../files/tables-io.ts';
import { changedMonths, loadChanges } from '../sql/apply.ts';
import { listsFromChanges } from '../sql/patch.ts';
import type { SummaryShape } from '../tables/columns.ts';
import type { ApplyGroup, SummaryContext } from '../types.ts';
import { type ChangedMonth, changedMonthsOf, resolveOutcome } from './changed-months.ts';

export interface ApplyUnit {
  readonly context: SummaryContext;
  readonly item: UnitItem;
  readonly shape: SummaryShape;
  readonly table: UnitTable;
}

/** A piece of the unit: a group, and the groups of its bucket that are still to come. */
export interface ApplyPiece {
  readonly bucket: number;
  /** The unit of `resolve` whose change set the group joins. */
  readonly resolve: string;
  readonly group: ApplyGroup;
  readonly ahead: readonly ApplyGroup[];
}

/** A session in which a bucket's files and change set are open. */
interface Room {
  readonly session: EngineSession;
  readonly bucket: number;
  readonly set: OpenFiles;
  readonly changed: readonly ChangedMonth[];
}

/** The unit's session, which goes from bucket to bucket; once narrowed, a new one with one thread. */
export class Rooms implements AsyncDisposable {
  readonly #unit: ApplyUnit;
  #session: EngineSession | undefined;
  #room: Room | undefined;
  #share: Partial<EngineOptions> = {};

  constructor(unit: ApplyUnit) {
    this.#unit = unit;
  }

  get isNarrow(): boolean {
    return this.#share.threads === 1 || this.#unit.context.threads === 1;
  }

  async narrow(): Promise<void> {
    await this[Symbol.asyncDispose]();
    this.#share = { threads: 1 };
  }

  async of(piece: ApplyPiece): Promise<Room> {
    if (this.#room?.bucket === piece.bucket) return this.#room;
    this.#session ??= await this.#open();
    this.#room = await openBucket(this.#unit, this.#session, piece);
    return this.#room;
  }

  async #open(): Promise<EngineSession> {
    const { context, item } = this.#unit;
    const session = await context.session(`${item.stage}-${item.unit}`, this.#share);
    // Joins are built on their right side as written, the change set. The optimizer's guess is the rows of the file,
    // wide and many.
    await session.execute("SET disabled_optimizers = 'build_side_probe_side'");
    return session;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const session = this.#session;
    this.#session = undefined;
    this.#room = undefined;
    await session?.[Symbol.asyncDispose]();
  }
}

/** For the groups that are still to come. */
async function openBucket(
  { context, shape, table }: ApplyUnit,
  session: EngineSession,
  piece: ApplyPiece,
): Promise<Room> {
  const { bucket, ahead, resolve } = piece;
  const set = await openFiles({
    session,
    store: context.world.warehouse,
    name: `pw_files${bucket}`,
    schema: table.schema,
    files: ahead.flatMap((group) => group.files),
  });
  const { changeSet } = await resolveOutcome(context, resolve);
  if (changeSet === undefined) return { session, bucket, set, changed: [] };
  const months = ahead.map((group) => group.month);
  const path = await context.world.results.localPath(changeSet);
  await session.execute(
    loadChanges(
      duckDb,
      `read_parquet(${text(path)})`,
      Math.min(...months),
      Math.max(...months),
      shape.historyLength,
    ),
  );
  await session.execute(listsFromChanges(duckDb, shape));
  const changed = changedMonthsOf(await session.query(changedMonths()));
  return { session, bucket, set, changed };
}

import type { TableChange } from '../../run/publish/table-change.ts';
import { inPieces } from '../../run/units/pieces.ts';
import type { Plan, UnitItem, UnitResult } from '../../run/workload.ts';
import { unitTable } from '../files/tables-io.ts';
import { inUnitRoom } from '../files/unit-room.ts';
import { summaryShape } from '../tables/columns.ts';
import type { ApplySpec, RewrittenGroup, SummaryContext, TouchedFile } from '../types.ts';
import { applyGroup } from './group.ts';
import { applyResult } from './result.ts';
import { type ApplyPiece, type ApplyUnit, Rooms } from './rooms.ts';

/** What is left of a piece, in a handover too. */
interface PieceOutcome {
  readonly changes: readonly TableChange[];
  readonly files: readonly TouchedFile[];
  readonly rewritten: RewrittenGroup | null;
  readonly elapsedMs: number;
}

/**
 * One unit of the stage `apply`: brings the change sets of its buckets into the stored rows of its files, group by
 * group.
 */
export async function applyUnit(
  context: SummaryContext,
  plan: Plan,
  item: UnitItem,
  spec: ApplySpec,
): Promise<UnitResult> {
  const shape = summaryShape(context.config);
  const table = await unitTable(context, plan, 'summary');
  const unit = { context, item, shape, table };
  await using rooms = new Rooms(unit);
  const { clock } = context.world;
  const results = await inPieces({
    context,
    item,
    cut: 'groups',
    pieces: piecesOf(spec),
    work: async (piece): Promise<PieceOutcome> => {
      const startedMs = clock.now();
      const { change, files, rewritten } = await inUnitRoom({
        context,
        item,
        attempt: () => applyPiece(unit, rooms, piece),
        withLess: rooms.isNarrow
          ? undefined
          : async () => {
              await rooms.narrow();
              return applyPiece(unit, rooms, piece);
            },
      });
      return {
        changes: [change],
        files,
        rewritten: rewritten ?? null,
        elapsedMs: clock.now() - startedMs,
      };
    },
  });
  const groups = results.flatMap(({ changes, files, rewritten }) =>
    changes.map((change) => ({ change, files, rewritten: rewritten ?? undefined })),
  );
  return applyResult(
    spec,
    groups,
    results.reduce((sum, result) => sum + result.elapsedMs, 0),
  );
}

function piecesOf(spec: ApplySpec): readonly ApplyPiece[] {
  return spec.resolve.flatMap(({ bucket, unit }) => {
    const groups = spec.groups.filter((group) => group.bucket === bucket);
    return groups.map((group, index) => ({ bucket, resolve: unit, group, ahead: groups.slice(index) }));
  });
}

async function applyPiece(unit: ApplyUnit, rooms: Rooms, piece: ApplyPiece) {
  const { context, item, shape, table } = unit;
  const { group } = piece;
  const { session, set, changed } = await rooms.of(piece);
  const name = `${context.runId}-${item.unit}`;
  return applyGroup({ context, session, shape, table, name, set, group, changed });
}

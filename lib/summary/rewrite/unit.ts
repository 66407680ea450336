import type { TableChange } from '../../run/publish/table-change.ts';
import { inPieces } from '../../run/units/pieces.ts';
import type { Plan, UnitItem, UnitResult } from '../../run/workload.ts';
import { tableChange } from '../files/file-changes.ts';
import { openFiles } from '../files/reading.ts';
import type { UnitTable } from '../files/tables-io.ts';
import { inUnitRoom } from '../files/unit-room.ts';
import type { SummaryContext } from '../types.ts';
import { rewriteTable } from './target.ts';
import { type RewriteOutcome, type RewritePiece, type RewriteSpec, rewriteStage } from './types.ts';
import { writeCells } from './write-cells.ts';

/** What a piece leaves, in a handover too. */
interface PieceOutcome {
  readonly changes: readonly TableChange[];
  readonly rows: number;
  readonly bytes: number;
  readonly written: number;
}

/** Reads the live rows of a unit's files and writes them, sorted by key, into the cells of the target spec. */
export async function rewriteUnit(
  context: SummaryContext,
  plan: Plan,
  item: UnitItem,
  spec: RewriteSpec,
): Promise<UnitResult> {
  const table = await rewriteTable(context, plan, spec.role);
  const results = await inPieces({
    context,
    item,
    cut: 'cells',
    pieces: spec.pieces,
    work: (piece) =>
      inUnitRoom({
        context,
        item,
        attempt: () => rewritePiece({ context, item, spec, table, piece }),
        withLess: () => rewritePiece({ context, item, spec, table, piece, withLess: true }),
      }),
  });
  return rewriteResult(spec, results);
}

export function rewriteResult(spec: RewriteSpec, results: readonly PieceOutcome[]): UnitResult {
  const idle = {
    removedDeletes: spec.idleDeletes.map(({ location, specId, partition }) => ({
      location,
      specId,
      partition,
    })),
  };
  const sum = (of: (result: PieceOutcome) => number) => results.reduce((total, one) => total + of(one), 0);
  const before = spec.pieces.flatMap(({ files }) => files);
  const outcome: RewriteOutcome = {
    stage: rewriteStage,
    role: spec.role,
    changes: [
      ...results.flatMap(({ changes }) => changes),
      ...(spec.idleDeletes.length === 0 ? [] : [{ ...tableChange({ role: spec.role }), ...idle }]),
    ],
    rows: sum(({ rows }) => rows),
    files: {
      before: before.length,
      after: sum(({ written }) => written),
      bytesBefore: before.reduce((total, file) => total + file.sizeBytes, 0),
      bytesAfter: sum(({ bytes }) => bytes),
    },
  };
  return { rows: outcome.rows, bytes: outcome.files.bytesAfter, outcome };
}

interface PieceOptions {
  readonly context: SummaryContext;
  readonly item: UnitItem;
  readonly spec: RewriteSpec;
  readonly table: UnitTable;
  readonly piece: RewritePiece;
  readonly withLess?: boolean;
}

async function rewritePiece(options: PieceOptions): Promise<PieceOutcome> {
  const { context, item, spec, table, piece, withLess = false } = options;
  await using session = await context.session(`${item.stage}-${item.unit}`, withLess ? { threads: 1 } : {});
  const set = await openFiles({
    session,
    store: context.world.warehouse,
    name: 'pw_files',
    schema: table.schema,
    files: piece.files,
  });
  const added = await writeCells({
    context,
    session,
    table,
    name: `${context.runId}-${item.unit}`,
    role: spec.role,
    to: spec.to,
    set,
    piece,
    roomBytes: context.memoryBytes * (withLess ? leastShare : sortShare),
  });
  return {
    changes: [tableChange({ role: spec.role, added, removed: piece.files })],
    rows: added.reduce((sum, file) => sum + file.rows, 0),
    bytes: added.reduce((sum, file) => sum + file.sizeBytes, 0),
    written: added.length,
  };
}

/** Of the memory: rows that are sorted at once. More of it fails rather than spills, since lists are held. */
const sortShare = 0.35;
const leastShare = 0.1;

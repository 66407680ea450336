import { unitId } from '../../run/units/stages.ts';
import { pack } from '../plan/groups.ts';
import type { Role } from '../tables/tables.ts';
import type { TaskUnit } from '../tasks/plan.ts';
import type { PieceRouter } from './route.ts';
import type { SpreadClass } from './spread.ts';
import {
  type CompareSpec,
  compareStage,
  type RewritePiece,
  type RewriteSpec,
  rewriteStage,
} from './types.ts';

type RewriteUnit = TaskUnit & { readonly specification: RewriteSpec };

interface UnitsOptions {
  readonly role: Role;
  readonly to: number;
  readonly columns: string;
  readonly limitBytes: number;
  readonly routeOf: PieceRouter;
}

/** Consecutive pieces of a class until they are a unit's bytes. */
export async function* rewriteUnits(
  { role, to, columns, limitBytes, routeOf }: UnitsOptions,
  classes: AsyncIterable<SpreadClass>,
): AsyncIterable<RewriteUnit> {
  for await (const { pieces, idleDeletes } of classes) {
    const packed = pack(pieces, pieceBytes, limitBytes);
    for (const [index, some] of (packed.length === 0 ? [[]] : packed).entries()) {
      const route = some.length === 0 ? undefined : routeOf(some);
      const specification: RewriteSpec = {
        stage: rewriteStage,
        ...(route?.engine === 'spark' ? { engine: route.engine } : {}),
        role,
        to,
        columns,
        pieces: some,
        idleDeletes: index === 0 ? idleDeletes : [],
      };
      yield {
        label: `${role}-b${String(some[0]?.buckets[0] ?? 0).padStart(5, '0')}`,
        rows: some.reduce((sum, { files }) => sum + files.reduce((rows, file) => rows + file.rows, 0), 0),
        bytes: some.reduce((sum, piece) => sum + pieceBytes(piece), 0),
        specification,
        ...(route === undefined ? {} : { route }),
      };
    }
  }
}

/** The unit of `compare` for each unit of `rewrite`. */
export async function* compareUnits(units: AsyncIterable<RewriteUnit>): AsyncIterable<TaskUnit> {
  for await (const { route: _, ...unit } of units) {
    const { role, to, pieces } = unit.specification;
    const specification: CompareSpec = {
      stage: compareStage,
      role,
      to,
      unit: unitId(unit),
      files: pieces.flatMap(({ files }) => files),
    };
    yield { ...unit, specification };
  }
}

export function pieceBytes({ files }: RewritePiece): number {
  return files.reduce((sum, file) => sum + file.sizeBytes, 0);
}

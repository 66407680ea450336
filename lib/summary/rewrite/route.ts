import { type Route, routeUnit } from '../../run/engines/route-unit.ts';
import { needsOf, roomFor } from '../../run/engines/unit-load.ts';
import { rewriteLoad } from '../plan/unit-loads.ts';
import type { SummaryContext } from '../types.ts';
import type { RewritePiece } from './types.ts';

/** Says which engine runs a unit of `rewrite`. */
export type PieceRouter = (pieces: readonly RewritePiece[]) => Route;

export function pieceRouter(context: SummaryContext): PieceRouter {
  const { config } = context;
  const room = roomFor(context);
  return (pieces) => routeUnit(config.work, needsOf(rewriteLoad(config, pieces)), room);
}

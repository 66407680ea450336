import { type Route, routeUnit } from '../../run/route-unit.ts';
import { needsOf, roomFor } from '../../run/unit-load.ts';
import type { SummaryContext } from '../types.ts';
import { rewriteLoad } from '../unit-loads.ts';
import type { RewritePiece } from './types.ts';

/** Says which engine runs a unit of `rewrite`. */
export type PieceRouter = (pieces: readonly RewritePiece[]) => Route;

export function pieceRouter(context: SummaryContext): PieceRouter {
  const { config } = context;
  const room = roomFor(context);
  return (pieces) => routeUnit(config.work, needsOf(rewriteLoad(config, pieces)), room);
}

import { UnitTooLargeError, UnitUnfinishedError } from '../../errors.ts';
import type { RunContext, UnitItem } from '../workload.ts';
import { type Handover, newestHandover, saveHandover } from './handovers.ts';

interface PiecesOptions<Piece, Done> {
  readonly context: RunContext;
  readonly item: Pick<UnitItem, 'stage' | 'unit'>;
  /** Names the way in which the unit is cut, e.g. `slices8`; letters, digits, - and _. Must change with the pieces. */
  readonly cut: string;
  /** The same ones in each attempt. */
  readonly pieces: readonly Piece[];
  /** Does a piece. Its outcome is plain JSON and names every file that the piece wrote. */
  readonly work: (piece: Piece, index: number) => Promise<Done>;
}

/** A piece may take so much longer than the longest before it. */
const slack = 1.25;

/**
 * Works a unit off piece by piece and returns their outcomes. When the time of the function does not suffice for
 * another piece as long as the longest so far, or is up in the middle of one, what is done is handed over and the state
 * machine calls again: the next attempt starts after the pieces of the newest handover.
 *
 *     attempt 1: piece 0, 1, 2 -> handover 0 -> UnitUnfinishedError
 *     attempt 2: handover 0, piece 3, 4 -> the unit's checkpoint
 *
 * Each attempt that ends so has done a piece, so there are at most as many attempts as pieces. Outcomes come back as they
 * went out: through JSON where an earlier attempt did the piece.
 *
 * @throws UnitUnfinishedError some pieces are left
 * @throws UnitTooLargeError not one piece was done before the time was up
 */
export async function inPieces<Piece, Done>(options: PiecesOptions<Piece, Done>): Promise<readonly Done[]> {
  const { context, pieces, work } = options;
  const { clock } = context.world;
  const startedMs = clock.now();
  // A unit of one piece has nothing to hand over.
  const before = pieces.length > 1 ? await newestHandover<Done>(context, options) : undefined;
  const first = before?.done.length ?? 0;
  const done: Done[] = [...(before?.done ?? [])];
  let longestMs = before?.longestMs ?? 0;

  const handOver = async (): Promise<UnitUnfinishedError> => {
    const handover: Handover<Done> = {
      number: before === undefined ? 0 : before.number + 1,
      done,
      longestMs,
    };
    const standing = await saveHandover(context, { ...options, handover, startedMs });
    const told = standing ? '' : '; another attempt at it was earlier and is the one that goes on';
    return new UnitUnfinishedError(
      `unit ${options.item.stage}/${options.item.unit} has done ${done.length} of its ${pieces.length} pieces and goes on${told}`,
      { details: { done: done.length, pieces: pieces.length, handover: handover.number, standing } },
    );
  };

  for (const [index, piece] of pieces.entries()) {
    if (index < first) continue;
    if (index > first && context.remainingMs() < longestMs * slack) throw await handOver();
    const pieceStartedMs = clock.now();
    try {
      context.signal.throwIfAborted();
      await context.world.step(`piece:${options.item.stage}`);
      done.push(await work(piece, index));
    } catch (error) {
      if (index > first && isOutOfTime(context)) throw await handOver();
      throw error;
    }
    longestMs = Math.max(longestMs, clock.now() - pieceStartedMs);
  }
  return done;
}

/** What is stopped for another reason, a cancelled run or a lost lease, is nobody's to go on with. */
function isOutOfTime({ signal }: RunContext): boolean {
  return signal.aborted && signal.reason instanceof UnitTooLargeError;
}

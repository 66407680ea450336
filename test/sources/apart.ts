import type { IntakeItem } from '../../lib/stores/ports.ts';
import { runScript } from '../faults/child.ts';

/** How a file was prepared in a process of its own. */
export interface Apart {
  readonly rowsAccepted?: number;
  readonly rowsQuarantined?: number;
  /** Name of the error that refused the file. */
  readonly error?: string;
  readonly message?: string;
  /** Names in the work folder afterwards. */
  readonly left: readonly string[];
  /** The most memory that the process ever had, its own code and DuckDB's included. */
  readonly peakMb: number;
}

/**
 * Prepares a staged file in a process that does nothing else: what a test made to stage it is not in the peak, nor hides it.
 * The heap may not grow, since one that may is collected late where memory is plenty. @throws when the process failed
 */
export async function prepareApart(item: IntakeItem): Promise<Apart> {
  const env = { NODE_OPTIONS: '--max-old-space-size=96' };
  const { code, stdout, stderr } = await runScript('test/sources/prepare-child.ts', [JSON.stringify(item)], {
    env,
  });
  if (code !== 0) throw new Error(`the process ended with ${code}: ${stderr}`);
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
}

/**
 * Prepares one staged file in this process and prints as JSON how that ended and the process' peak of memory.
 *
 * Usage: node prepare-child.ts ITEM-AS-JSON
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { IntakeItem } from '../../lib/stores/ports.ts';
import type { Apart } from './apart.ts';
import { openBench } from './context.ts';
import { smallPipeline } from './small.ts';

const item: IntakeItem = JSON.parse(process.argv[2] ?? '');
await using bench = await openBench(smallPipeline);
const outcome = await bench.prepare(item).then(
  ({ rowsAccepted, rowsQuarantined }) => ({ rowsAccepted, rowsQuarantined }),
  (cause: unknown) => ({ error: cause instanceof Error ? cause.name : '', message: String(cause) }),
);
const left = await readdir(join(bench.folder, 'work'));
console.log(JSON.stringify({ ...outcome, left, peakMb: await peakMb() } satisfies Apart));

/** Where there is /proc: `maxRSS` begins with what the parent had. */
async function peakMb(): Promise<number> {
  const status = await readFile('/proc/self/status', 'utf8').catch(() => '');
  const ours = /^VmHWM:\s*(\d+) kB/m.exec(status)?.[1];
  return Math.round(Number(ours ?? process.resourceUsage().maxRSS) / 1_024);
}

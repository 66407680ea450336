import { mkdtemp, rm, statfs } from 'node:fs/promises';
import { availableParallelism, freemem, tmpdir, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { openDuckDb } from '../../engine/duckdb.ts';
import { bytes, plural } from '../../report/format.ts';
import type { Finding } from './finding.ts';

const enoughDisk = 5e9;
const littleDisk = 500e6;
const enoughMemory = 1.5e9;

/** Node, DuckDB, memory and disk of this machine. */
export async function checkMachine(root: string): Promise<readonly Finding[]> {
  return [
    { status: 'ok', name: 'node', detail: `${process.versions.node}, ${process.platform} ${process.arch}` },
    await checkEngine(),
    checkMemory(),
    await checkDisk(root),
  ];
}

async function checkEngine(): Promise<Finding> {
  const workFolder = await mkdtemp(join(tmpdir(), 'partwise-doctor-'));
  try {
    await using session = await openDuckDb({ memoryBytes: 256e6, threads: 1, workFolder });
    const [row] = await session.query('SELECT version() AS version');
    return { status: 'ok', name: 'duckdb', detail: String(row?.['version']) };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { status: 'wrong', name: 'duckdb', detail: `does not start: ${reason}`, next: 'npm ci' };
  } finally {
    await rm(workFolder, { recursive: true, force: true });
  }
}

function checkMemory(): Finding {
  // 0 or a huge number when nothing limits the process.
  const constrained = process.constrainedMemory();
  const total = constrained > 0 && constrained < totalmem() ? constrained : totalmem();
  const detail = `${bytes(total)}, ${bytes(Math.min(freemem(), total))} free, ${plural(availableParallelism(), 'core')}`;
  if (total >= enoughMemory) return { status: 'ok', name: 'memory', detail };
  return {
    status: 'look',
    name: 'memory',
    detail: `${detail}; runs will be slow`,
    next: 'partwise run FILE --memory 500MB --threads 1',
  };
}

async function checkDisk(root: string): Promise<Finding> {
  const info = await existingFolder(root).then((folder) => statfs(folder));
  const free = info.bavail * info.bsize;
  const detail = `${bytes(free)} free for ${root}`;
  if (free < littleDisk)
    return { status: 'wrong', name: 'disk', detail, next: 'partwise maintain expire orphans' };
  return { status: free < enoughDisk ? 'look' : 'ok', name: 'disk', detail };
}

async function existingFolder(path: string): Promise<string> {
  const there = await statfs(path).then(
    () => true,
    () => false,
  );
  return there || dirname(path) === path ? path : existingFolder(dirname(path));
}

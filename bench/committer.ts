import { randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { appendFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openJob } from '../lib/committer/index.ts';
import { openAwsClients } from '../lib/stores/aws-clients.ts';
import { openDirectoryStore } from '../lib/stores/folder/directory.ts';
import { openDirectoryPending } from '../lib/stores/folder/directory-pending.ts';
import { joinLocation } from '../lib/stores/location.ts';
import type { ObjectStore, PendingWrites } from '../lib/stores/ports.ts';
import { openS3Pending } from '../lib/stores/s3/pending.ts';
import { openS3Store } from '../lib/stores/s3/s3.ts';
import { startServer } from '../test/aws/servers.ts';
import { paths } from '../test/aws/setup.ts';
import { credentials, region } from '../test/aws/stand-ins.ts';
import { cache } from './base.ts';

interface Ports {
  readonly store: ObjectStore;
  readonly pending: PendingWrites;
}

interface Load {
  readonly name: string;
  readonly files: number;
  readonly bytes: number;
}

const loads: readonly Load[] = [
  { name: 'one large file', files: 1, bytes: 256e6 },
  { name: 'large files', files: 8, bytes: 32e6 },
  { name: 'small files', files: 200, bytes: 100e3 },
];
const rounds = 3;

/** The same bytes through the committer and as plain writes of the same store, which show each file when it is there. */
export async function committerBench(filters: readonly string[]): Promise<void> {
  await mkdir(cache, { recursive: true });
  const folder = await mkdtemp(`${cache}/committer-`);
  try {
    console.log('| where | files | plain s | committer s | of it job commit | committer / plain |');
    console.log('|---|---|--:|--:|--:|--:|');
    await measure('directory', filters, folder, async (path) => ({
      store: await openDirectoryStore({ path }),
      pending: await openDirectoryPending({ path }),
    }));
    await measureS3(filters, folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function measureS3(filters: readonly string[], folder: string): Promise<void> {
  const buckets = join(folder, 'buckets');
  await mkdir(join(buckets, 'bench'), { recursive: true });
  await using server = await startServer({
    name: 'versitygw',
    command: paths.versitygw,
    args: (port) => [
      '--access',
      credentials.accessKeyId,
      '--secret',
      credentials.secretAccessKey,
      '--port',
      `127.0.0.1:${port}`,
      'posix',
      buckets,
    ],
  });
  using clients = openAwsClients({ region, credentials, endpoints: { s3: server.url } });
  for (const [partMiB, parallel] of [
    [8, 8],
    [16, 8],
    [32, 8],
    [8, 4],
    [8, 16],
  ] as const) {
    await measure(`S3, ${partMiB} MiB x ${parallel}`, filters, folder, async (path) => {
      const options = {
        client: clients.s3,
        bucket: 'bench',
        prefix: path.split('/').at(-1) ?? '',
        partBytes: partMiB * 2 ** 20,
        parallel,
      };
      return {
        store: await openS3Store({ ...options, workFolder: `${path}/copies` }),
        pending: openS3Pending(options),
      };
    });
  }
}

async function measure(
  where: string,
  filters: readonly string[],
  folder: string,
  open: (path: string) => Promise<Ports>,
): Promise<void> {
  for (const load of loads) {
    if (!filters.every((word) => `${where} ${load.name}`.includes(word))) continue;
    const source = join(folder, 'source');
    await writeFile(source, '');
    for (let left = load.bytes; left > 0; left -= 2 ** 20)
      await appendFile(source, randomBytes(Math.min(left, 2 ** 20)));
    const [plain, whole, commit]: [number[], number[], number[]] = [[], [], []];
    for (let round = 0; round < rounds; round += 1) {
      const path = await mkdtemp(join(folder, 'root-'));
      const ports = await open(path);
      plain.push(await seconds(() => writePlain(ports, load, source)));
      const committed = await writeCommitted(ports, load, source);
      whole.push(committed.seconds);
      commit.push(committed.commitSeconds);
      await rm(path, { recursive: true, force: true });
    }
    const ratio = middle(whole) / middle(plain);
    console.log(
      `| ${where} | ${load.files} x ${load.bytes / 1e6} MB | ${middle(plain).toFixed(2)} | ${middle(whole).toFixed(2)} | ${middle(commit).toFixed(2)} | ${ratio.toFixed(2)} |`,
    );
  }
}

async function writePlain({ store }: Ports, load: Load, source: string): Promise<void> {
  for (let n = 0; n < load.files; n += 1)
    await store.write(
      joinLocation(store.root, 'plain', `f-${n}`),
      createReadStream(source, { highWaterMark: 2 ** 20 }),
    );
}

async function writeCommitted({ store, pending }: Ports, load: Load, source: string) {
  let commitSeconds = 0;
  const all = await seconds(async () => {
    const job = await openJob({
      store,
      pending,
      destination: joinLocation(store.root, 'committed'),
      clock: { now: Date.now },
      runId: 'bench',
      attempt: 1,
      epoch: 1,
    });
    const task = job.task('t', 1);
    for (let n = 0; n < load.files; n += 1) await task.write(`f-${n}`, { path: source });
    await task.commit();
    commitSeconds = await seconds(() => job.commit({ tasks: ['t'] }));
  });
  return { seconds: all, commitSeconds };
}

async function seconds(action: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now();
  await action();
  return (performance.now() - startedMs) / 1_000;
}

function middle(values: readonly number[]): number {
  return values.toSorted((left, right) => left - right)[Math.floor(values.length / 2)] ?? Number.NaN;
}

import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { EngineSession } from '../../engine/engine.ts';
import type { IntakeItem, Location } from '../../stores/ports.ts';
import type { RunContext } from '../workload.ts';
import { type OpenedSource, type OpenOptions, openSource } from './open.ts';
import { adoptOnce } from './output.ts';
import { allowedSpill } from './poison.ts';
import { RowRejects } from './rejects.ts';
import { takePrivateCopy } from './version.ts';

/** So many refused rows of a file are listed at least; more when the error budget lets more pass. */
const listedRows = 10_000;

/** Stable id of a source object's version, for the names of what is made of it. */
export function sourceUnit(item: Pick<IntakeItem, 'location' | 'version'>): string {
  return createHash('sha256').update(`${item.location}\n${item.version}`).digest('hex').slice(0, 24);
}

/** A claimed source object that is ready to be read, with a session of its own. */
export interface OpenedItem extends AsyncDisposable {
  readonly session: EngineSession;
  readonly source: OpenedSource;
  readonly rejects: RowRejects;
  /** The private copy: what was claimed, byte by byte. */
  readonly path: string;
  /** Disk that the object may use while it is prepared. */
  readonly spillBytes: number;
}

/**
 * Takes a private copy of the object and opens it.
 * @throws PoisonInputError when the file as a whole cannot be used
 * @throws SourceChangedError when the object is not the claimed version any more
 */
export async function openItem(
  context: RunContext,
  item: IntakeItem,
  options: Pick<OpenOptions, 'feed' | 'positional'> & { readonly name: string },
): Promise<OpenedItem> {
  const { world, config } = context;
  await using stack = new AsyncDisposableStack();
  context.signal.throwIfAborted();
  const session = stack.use(await context.session(options.name));
  const interrupt = () => session.interrupt();
  context.signal.addEventListener('abort', interrupt, { once: true });
  stack.defer(() => context.signal.removeEventListener('abort', interrupt));
  const copy = await takePrivateCopy(
    await world.staging.localPath(item.location, item.version),
    item.version,
    join(session.workFolder, 'source'),
  );
  const rejects = new RowRejects(
    join(session.workFolder, 'rejects.jsonl'),
    item.location,
    Math.max(config.limits.badRows, listedRows),
  );
  const source = await openSource({
    session,
    path: copy.path,
    sizeBytes: copy.sizeBytes,
    name: item.location.split('/').at(-1) ?? '',
    limits: config.limits,
    rejects,
    feed: options.feed,
    positional: options.positional,
  });
  const spillBytes = allowedSpill(copy.sizeBytes, config.limits);
  await session.execute(
    `SET max_temp_directory_size = '${spillBytes}B'; SET ieee_floating_point_ops = false`,
  );
  const kept = stack.move();
  const { path } = copy;
  return { session, source, rejects, path, spillBytes, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

/** Keeps the refused rows in the run's folder; undefined when there are none. */
export async function keepRejects(
  context: RunContext,
  rejects: RowRejects,
  unit: string,
): Promise<Location | undefined> {
  const path = rejects.close();
  if (path === undefined) return undefined;
  const location = `${context.folder}/quarantine/${unit}.jsonl`;
  await adoptOnce(context, path, location);
  return location;
}

import type { IntakeItem, IntakeStatus, Location } from '../ports.ts';
import { hash, type Item, type Key, shardOf, sortableMs } from './table.ts';

/** What names an object version, and what its pointers hold. */
export type IntakeIdentity = Pick<IntakeItem, 'pipeline' | 'location' | 'version' | 'arrivedMs'>;

export const intakePartition = (pipeline: string, shard: string): string => `intake#${pipeline}#${shard}`;
export const pendingPartition = (pipeline: string, shard: string): string => `pending#${pipeline}#${shard}`;
export const claimPartition = (runId: string, shard: string): string => `claim#${runId}#${shard}`;

/** The item of a version; without a version, the counter of arrivals of the location. Names are hashed: a key has 1,024 bytes. */
export function intakeKey(item: {
  readonly pipeline: string;
  readonly location: Location;
  readonly version: string | undefined;
}): Key {
  const location = hash(item.location);
  return {
    pk: intakePartition(item.pipeline, shardOf(location)),
    sk: item.version === undefined ? location : `${location}#${hash(item.version)}`,
  };
}

/** Sorts by time of arrival. */
export function pendingKey(item: IntakeIdentity): Key {
  const location = hash(item.location);
  return {
    pk: pendingPartition(item.pipeline, shardOf(location)),
    sk: `${sortableMs(item.arrivedMs)}#${location}#${hash(item.version)}`,
  };
}

/** Names no pipeline: a run has one. */
export function claimKey(runId: string, item: Pick<IntakeItem, 'location' | 'version'>): Key {
  const location = hash(item.location);
  return { pk: claimPartition(runId, shardOf(location)), sk: `${location}#${hash(item.version)}` };
}

export function identityOf(item: Item | IntakeIdentity): IntakeIdentity {
  const { pipeline, location, version, arrivedMs } = item as Item;
  return {
    pipeline: String(pipeline),
    location: String(location),
    version: String(version),
    arrivedMs: Number(arrivedMs),
  };
}

export function intakeItem(item: Item): IntakeItem {
  return {
    ...identityOf(item),
    feed: String(item['feed']),
    sizeBytes: Number(item['sizeBytes']),
    sequencer: String(item['sequencer']),
    status: String(item['status']) as IntakeStatus,
    runId: item['runId'] === undefined ? undefined : String(item['runId']),
    reason: item['reason'] === undefined ? undefined : String(item['reason']),
  };
}

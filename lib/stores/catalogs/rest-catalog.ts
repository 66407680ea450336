import { CorruptStateError, UnsupportedFeatureError } from '../../errors.ts';
import { parseJson } from '../../iceberg/json.ts';
import { awsFailure, isUnavailable, statusOf } from '../aws-errors.ts';
import type { CatalogPointer, Location, ObjectStore, PointerSwap, TableIdentifier } from '../ports.ts';
import { commitConflict, commitRefused, commitUnknown, isSamePointer, tableName } from './commit-outcome.ts';
import { type MetadataJson, type TableChanges, tableChanges } from './rest-changes.ts';
import { openRestClient, type RestClientOptions } from './rest-client.ts';

export interface RestCatalogOptions extends RestClientOptions {
  /** Where metadata files are read: the one that the table has and the one that was prepared. */
  readonly store: Pick<ObjectStore, 'read'>;
  /** Name in messages. Default `rest`. */
  readonly name?: string;
}

interface LoadedTable {
  readonly location: Location;
  readonly metadata: MetadataJson;
}

/**
 * An Iceberg REST catalog as a pointer, one table a swap. The protocol has no swap of metadata files: what was prepared is
 * sent as its difference to what it was prepared on, and the server writes a metadata file of its own. So after a swap
 * `current` is another location than `next`, with the same snapshots, branches and schema; load the table before staging
 * on it again.
 *
 *     nobody moved it   = the table's metadata location is the expected one when it is loaded, and then the
 *                         requirements: same table, same branches and tags, same schema and specs (else 409)
 *     did it land?      = our snapshots in the table, loaded again, whenever the answer is unclear
 */
export function openRestCatalog(options: RestCatalogOptions): CatalogPointer {
  const client = openRestClient(options);
  const readMetadata = async (location: Location): Promise<MetadataJson> =>
    parseJson(new TextDecoder().decode(await options.store.read(location))) as MetadataJson;

  async function load(identifier: TableIdentifier): Promise<LoadedTable | undefined> {
    try {
      const found = await client.send('GET', pathOf(identifier));
      const { 'metadata-location': location, metadata } = found;
      if (typeof location !== 'string')
        throw new CorruptStateError(`the catalog names no metadata file of ${tableName(identifier)}`);
      return { location, metadata: metadata as MetadataJson };
    } catch (error) {
      if (statusOf(error) === 404) return undefined;
      throw awsFailure(error, 'loadTable', tableName(identifier));
    }
  }

  async function commit(swap: PointerSwap, changes: TableChanges): Promise<void> {
    const { identifier } = swap;
    const body = {
      identifier: { namespace: [identifier.namespace], name: identifier.name },
      requirements: changes.requirements,
      updates: changes.updates,
    };
    try {
      await client.send('POST', pathOf(identifier), body);
    } catch (error) {
      const missing = statusOf(error) === 404 && swap.expected === undefined;
      if (!missing) throw error;
      await createNamespace(identifier.namespace);
      await client.send('POST', pathOf(identifier), body);
    }
  }

  async function createNamespace(namespace: string): Promise<void> {
    try {
      await client.send('POST', '/namespaces', { namespace: [namespace], properties: {} });
    } catch (error) {
      if (statusOf(error) !== 409) throw awsFailure(error, 'createNamespace', namespace);
    }
  }

  /** Returns when the swap has landed, throws what is known otherwise. */
  async function settle(
    swap: PointerSwap,
    changes: TableChanges,
    prepared: MetadataJson,
    error: unknown,
  ): Promise<void> {
    const named = tableName(swap.identifier);
    const status = statusOf(error);
    if (status !== 409 && status !== 404 && !isUnavailable(error))
      throw awsFailure(error, 'updateTable', named);
    let table: LoadedTable | undefined;
    try {
      table = await load(swap.identifier);
    } catch {
      throw commitUnknown(swap, error);
    }
    if (table !== undefined && holds(table.metadata, changes, prepared)) return;
    if (!isSamePointer(table?.location, swap.expected) || status === 409 || status === 404)
      throw commitConflict(swap, table?.location, error);
    // 429 and 503 say that nothing was done (the protocol promises it); any other silence may still turn into a commit.
    if (status !== 429 && status !== 503) throw commitUnknown(swap, error);
    throw commitRefused(swap, error);
  }

  return {
    name: options.name ?? 'rest',
    multiTable: false,

    current: async (identifier) => (await load(identifier))?.location,

    list: async (namespace) => {
      const found: TableIdentifier[] = [];
      const namespaces =
        namespace === undefined
          ? await pages(client, '/namespaces', 'namespaces')
          : [[namespace] as readonly string[]];
      for (const levels of namespaces as readonly (readonly string[])[]) {
        const [level, ...deeper] = levels;
        if (level === undefined || deeper.length > 0) continue;
        const path = `/namespaces/${encodeURIComponent(level)}/tables`;
        for (const one of await pages(client, path, 'identifiers'))
          found.push({ namespace: level, name: (one as TableIdentifier).name });
      }
      return found;
    },

    swap: async (swaps) => {
      const [swap, ...others] = swaps;
      if (swap === undefined) return;
      if (others.length > 0) throw new UnsupportedFeatureError('a REST catalog commits one table at a time');
      const { identifier, expected, next } = swap;
      const table = await load(identifier);
      if (!isSamePointer(table?.location, expected)) throw commitConflict(swap, table?.location);
      const base = expected === undefined ? undefined : await readMetadata(expected);
      const prepared = await readMetadata(next);
      const changes = tableChanges(base, prepared);
      try {
        await commit(swap, changes);
      } catch (error) {
        await settle(swap, changes, prepared, error);
      }
    },

    drop: async (identifier) => {
      try {
        await client.send('DELETE', `${pathOf(identifier)}?purgeRequested=false`);
      } catch (error) {
        if (statusOf(error) !== 404) throw awsFailure(error, 'dropTable', tableName(identifier));
      }
    },
  };
}

async function pages(
  client: ReturnType<typeof openRestClient>,
  path: string,
  key: string,
): Promise<readonly unknown[]> {
  const found: unknown[] = [];
  let token: unknown = '';
  do {
    const query = token === '' ? '' : `?pageToken=${encodeURIComponent(String(token))}`;
    const page = await client.send('GET', `${path}${query}`).catch((error: unknown) => {
      if (statusOf(error) === 404) return {};
      throw awsFailure(error, 'list', path);
    });
    found.push(...((page as Record<string, unknown[]>)[key] ?? []));
    token = (page as Record<string, unknown>)['next-page-token'];
  } while (typeof token === 'string' && token !== '');
  return found;
}

/** Whether the change is in the table, whoever wrote on top of it: by its snapshots, else by nothing being left to do. */
function holds(metadata: MetadataJson, changes: TableChanges, next: MetadataJson): boolean {
  if (metadata['table-uuid'] !== next['table-uuid']) return false;
  const ids = new Set((metadata.snapshots ?? []).map((one) => String(one['snapshot-id'])));
  if (changes.snapshotIds.length > 0) return changes.snapshotIds.every((id) => ids.has(String(id)));
  return tableChanges(metadata, next).updates.length === 0;
}

function pathOf({ namespace, name }: TableIdentifier): string {
  return `/namespaces/${encodeURIComponent(namespace)}/tables/${encodeURIComponent(name)}`;
}

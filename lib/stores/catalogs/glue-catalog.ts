import {
  CreateDatabaseCommand,
  CreateTableCommand,
  DeleteTableCommand,
  GetTableCommand,
  type GlueClient,
  paginateGetDatabases,
  paginateGetTables,
  type Table,
  UpdateTableCommand,
} from '@aws-sdk/client-glue';
import { ConfigError, CorruptStateError, UnsupportedFeatureError } from '../../errors.ts';
import { awsFailure, isNamed, isUnavailable, requestsOf, statusOf } from '../aws-errors.ts';
import type { CatalogPointer, Location, ObjectStore, PointerSwap, TableIdentifier } from '../ports.ts';
import { commitConflict, commitRefused, commitUnknown, isSamePointer, tableName } from './commit-outcome.ts';
import { tableInput } from './glue-table-input.ts';

export interface GlueCatalogOptions {
  readonly client: GlueClient;
  /** Where metadata files are read, for the columns that Glue shows. */
  readonly store: Pick<ObjectStore, 'read'>;
  /** Name in messages. Default `glue`. */
  readonly name?: string;
  /** Account of the catalog; default: the caller's. */
  readonly catalogId?: string;
}

/**
 * The Glue Data Catalog as an Iceberg catalog, one table a swap. Its commit point is one UpdateTable:
 *
 *     nobody moved it   = VersionId of the table that was read, whose metadata_location is the expected one
 *                         (else ConcurrentModificationException)
 *     it is new         = CreateTable (else AlreadyExistsException)
 *     did it land?      = the pointer, read again, whenever the answer may be about an earlier try of ours
 *
 * Versions of the table are not archived: Glue keeps a limited number, and Iceberg has its own history.
 */
export function openGlueCatalog(options: GlueCatalogOptions): CatalogPointer {
  const { client } = options;
  const catalog = options.catalogId === undefined ? {} : { CatalogId: options.catalogId };

  async function find(identifier: TableIdentifier): Promise<Table | undefined> {
    try {
      const { Table: found } = await client.send(
        new GetTableCommand({ ...catalog, DatabaseName: identifier.namespace, Name: identifier.name }),
      );
      return found;
    } catch (error) {
      if (isNamed(error, 'EntityNotFoundException')) return undefined;
      throw awsFailure(error, 'glue:GetTable', tableName(identifier));
    }
  }

  async function create(swap: PointerSwap, metadata: unknown): Promise<void> {
    const { namespace, name } = swap.identifier;
    const request = () =>
      client.send(
        new CreateTableCommand({
          ...catalog,
          DatabaseName: namespace,
          TableInput: tableInput({ name, before: undefined, next: swap.next, previous: undefined, metadata }),
        }),
      );
    try {
      await request();
    } catch (error) {
      if (!isNamed(error, 'EntityNotFoundException')) throw error;
      await client
        .send(new CreateDatabaseCommand({ ...catalog, DatabaseInput: { Name: namespace } }))
        .catch((cause: unknown) => {
          if (!isNamed(cause, 'AlreadyExistsException'))
            throw awsFailure(cause, 'glue:CreateDatabase', namespace);
        });
      await request();
    }
  }

  async function update(swap: PointerSwap, before: Table, metadata: unknown): Promise<void> {
    const { namespace, name } = swap.identifier;
    const previous = before.Parameters?.['metadata_location'];
    await client.send(
      new UpdateTableCommand({
        ...catalog,
        DatabaseName: namespace,
        VersionId: before.VersionId,
        SkipArchive: true,
        TableInput: tableInput({ name, before, next: swap.next, previous, metadata }),
      }),
    );
  }

  /** Returns when the swap has landed, throws what is known otherwise. */
  async function settle(swap: PointerSwap, error: unknown): Promise<void> {
    const named = tableName(swap.identifier);
    const raced = isNamed(error, 'ConcurrentModificationException', 'AlreadyExistsException');
    const doubtful = raced || isUnavailable(error) || requestsOf(error) > 1;
    const action = swap.expected === undefined ? 'glue:CreateTable' : 'glue:UpdateTable';
    if (!doubtful) throw awsFailure(error, action, named);
    let table: Table | undefined;
    try {
      table = await find(swap.identifier);
    } catch {
      throw commitUnknown(swap, error);
    }
    const current = table === undefined ? undefined : pointerOf(table, named);
    const previous = table?.Parameters?.['previous_metadata_location'];
    if (isSamePointer(current, swap.next) || isSamePointer(previous, swap.next)) return;
    if (!isSamePointer(current, swap.expected)) throw commitConflict(swap, current, error);
    if (raced) throw commitConflict(swap, current, error);
    // Refused by the service itself; a request without any answer may still be on its way.
    if (statusOf(error) === undefined) throw commitUnknown(swap, error);
    throw commitRefused(swap, error);
  }

  return {
    name: options.name ?? 'glue',
    multiTable: false,

    current: async (identifier) => {
      const table = await find(identifier);
      return table === undefined ? undefined : pointerOf(table, tableName(identifier));
    },

    list: async (namespace) => {
      const found: TableIdentifier[] = [];
      try {
        for await (const database of namespace === undefined ? databases(client, catalog) : [namespace]) {
          const pages = paginateGetTables({ client }, { ...catalog, DatabaseName: database });
          for await (const { TableList = [] } of pages)
            for (const table of TableList)
              if (isIceberg(table)) found.push({ namespace: database, name: table.Name ?? '' });
        }
      } catch (error) {
        if (isNamed(error, 'EntityNotFoundException')) return found;
        throw awsFailure(error, 'glue:GetTables', namespace ?? 'the catalog');
      }
      return found;
    },

    swap: async (swaps) => {
      const [swap, ...others] = swaps;
      if (swap === undefined) return;
      if (others.length > 0) throw new UnsupportedFeatureError('Glue commits one table at a time');
      checkName(swap.identifier);
      const metadata: unknown = JSON.parse(new TextDecoder().decode(await options.store.read(swap.next)));
      const before = await find(swap.identifier);
      const current = before === undefined ? undefined : pointerOf(before, tableName(swap.identifier));
      if (!isSamePointer(current, swap.expected)) throw commitConflict(swap, current);
      try {
        if (before === undefined) await create(swap, metadata);
        else await update(swap, before, metadata);
      } catch (error) {
        await settle(swap, error);
      }
    },

    drop: async (identifier) => {
      try {
        await client.send(
          new DeleteTableCommand({ ...catalog, DatabaseName: identifier.namespace, Name: identifier.name }),
        );
      } catch (error) {
        if (!isNamed(error, 'EntityNotFoundException'))
          throw awsFailure(error, 'glue:DeleteTable', tableName(identifier));
      }
    },
  };
}

async function* databases(
  client: GlueClient,
  catalog: { readonly CatalogId?: string },
): AsyncGenerator<string> {
  for await (const { DatabaseList = [] } of paginateGetDatabases({ client }, catalog))
    for (const { Name } of DatabaseList) if (Name !== undefined) yield Name;
}

function isIceberg(table: Table): boolean {
  return table.Parameters?.['table_type']?.toUpperCase() === 'ICEBERG';
}

function pointerOf(table: Table, name: string): Location {
  if (!isIceberg(table))
    throw new UnsupportedFeatureError(`${name} is in Glue, but not as an Iceberg table`, {
      safe: 'it was left alone',
      next: 'give the pipeline other table names (tables.namespace, tables.summary, ...)',
    });
  const location = table.Parameters?.['metadata_location'];
  if (location === undefined)
    throw new CorruptStateError(`${name} in Glue names no metadata file (metadata_location)`);
  return location;
}

/** Glue would store another name (lower case) or one that Athena cannot read. */
function checkName({ namespace, name }: TableIdentifier): void {
  for (const part of [namespace, name])
    if (!/^[a-z0-9_]{1,252}$/.test(part))
      throw new ConfigError(`${part} cannot be a name in Glue: lower-case letters, digits and _ only`, {
        next: 'set tables.namespace, tables.summary, tables.latest and tables.tombstones in the pipeline file',
      });
}

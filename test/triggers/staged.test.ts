import { describe, expect, it } from 'vitest';
import { joinLocation } from '../../lib/stores/location.ts';
import { handleMessages } from '../../lib/triggers/handle.ts';
import { file, type Warehouse, warehouse } from '../iceberg/helpers.ts';
import { accounts, messagesOf, openSite, type Site } from './site.ts';

const config = { ...accounts, source: { ...accounts.source, table: 'ns.t' } };

/** A staging table below the pipeline's folder, on a real catalog; its data files exist in lists alone. */
async function openStaging() {
  const house = await warehouse();
  await house.create({ location: joinLocation(house.store.root, 'accounts/staged') });
  const site = await openSite(config, {
    catalog: house.catalog,
    staging: house.store,
    stagingRoot: house.store.root,
  });
  return { house, site };
}
const dataFile = (house: Warehouse, name: string) =>
  file(name, ['2025-10', 1], {
    location: joinLocation(house.store.root, `accounts/staged/data/${name}.parquet`),
  });
async function append(house: Warehouse, site: Site, ...names: readonly string[]) {
  for (const name of names)
    site.listed.push({
      key: `accounts/staged/data/${name}.parquet`,
      etag: Buffer.from(name).toString('hex').padEnd(32, '0'),
      sizeBytes: 1_000,
      modifiedMs: 0,
    });
  await house.commit({ changes: { added: names.map((name) => dataFile(house, name)) } });
}
const staged = JSON.stringify({ source: 'partwise.staged', detail: { pipeline: 'accounts', table: 'ns.t' } });
const tell = (site: Site, body = staged) => handleMessages(site.options, [{ id: '1', body }]);
const taken = async (site: Site) =>
  (await site.items()).map(({ location }) => /(\w+)\.parquet$/.exec(location)?.[1]).sort();

describe('a staging table', () => {
  it('is read from the snapshot that was taken in last to the newest one', async () => {
    const { house, site } = await openStaging();
    await append(house, site, 'a', 'b');
    expect(await tell(site)).toMatchObject({ failed: [], recorded: 2 });
    await append(house, site, 'c');
    await append(house, site, 'd');
    expect(await tell(site)).toMatchObject({ recorded: 2, known: 0 });
    expect(await tell(site)).toMatchObject({ recorded: 0, known: 0 });
    expect(await taken(site)).toEqual(['a', 'b', 'c', 'd']);
    expect((await site.items())[0]).toMatchObject({ feed: 'records', status: 'pending', sizeBytes: 1_000 });
  });

  it('is read to the end after an interruption, whatever was recorded before it', async () => {
    const { house, site } = await openStaging();
    for (const name of ['a', 'b', 'c', 'd']) await append(house, site, name);
    const { record } = site.options.state.intake;
    for (let fails = 1; fails <= 4; fails += 1) {
      let left = fails;
      Object.assign(site.options.state.intake, {
        record: async (...item: Parameters<typeof record>) => {
          left -= 1;
          if (left === 0) throw new Error('the state store does not answer');
          return record(...item);
        },
      });
      await tell(site);
    }
    Object.assign(site.options.state.intake, { record });
    await tell(site);
    expect(await taken(site)).toEqual(['a', 'b', 'c', 'd']);
  });

  it('that was compacted in between gives each row once: what was appended, not what it became', async () => {
    const { house, site } = await openStaging();
    await append(house, site, 'a', 'b');
    await house.commit({
      operation: 'replace',
      changes: {
        added: [dataFile(house, 'compacted')],
        removed: [dataFile(house, 'a'), dataFile(house, 'b')],
      },
    });
    expect(await tell(site)).toMatchObject({ failed: [], recorded: 2 });
    expect(await taken(site)).toEqual(['a', 'b']);
  });

  it('whose rows were changed is refused by name', async () => {
    const { house, site } = await openStaging();
    await append(house, site, 'a');
    await house.commit({ operation: 'overwrite', changes: { removed: [dataFile(house, 'a')] } });
    const { failed } = await tell(site);
    expect(failed.map(({ error }) => (error as Error).name)).toEqual(['UnsupportedFeatureError']);
  });

  it('whose files lie elsewhere or are gone is refused by name, and nothing of it is recorded', async () => {
    const { house, site } = await openStaging();
    await house.commit({ changes: { added: [dataFile(house, 'gone')] } });
    expect((await tell(site)).failed.map(({ error }) => (error as Error).name)).toEqual([
      'PinnedSnapshotExpiredError',
    ]);
    await house.commit({ changes: { added: [file('elsewhere', ['2025-10', 1])] } });
    expect((await tell(site)).failed.map(({ error }) => (error as Error).name)).toEqual(['WrongBucketError']);
    expect(await taken(site)).toEqual([]);
  });

  it('makes single files count only once a snapshot has them; the schedule reads it too', async () => {
    const { house, site } = await openStaging();
    const handled = await handleMessages(site.options, messagesOf('s3-object-created'));
    expect([handled.recorded, handled.ignored[0]]).toEqual([
      0,
      expect.stringContaining('once a snapshot of ns.t'),
    ]);
    await append(house, site, 'a');
    expect(await handleMessages(site.options, messagesOf('schedule'))).toMatchObject({
      failed: [],
      recorded: 1,
      start: { kind: 'started' },
    });
  });

  it('is known by a Glue event of its name', async () => {
    const { house, site } = await openStaging();
    await append(house, site, 'a');
    const [event] = messagesOf('glue-table-state-change');
    const body = (event?.body ?? '').replace('"staging"', '"ns"').replace('"account_records"', '"t"');
    expect(await tell(site, body)).toMatchObject({ failed: [], recorded: 1 });
  });
});

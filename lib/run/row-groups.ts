import { type ColumnMetaData, parquetMetadataAsync, type RowGroup } from 'hyparquet';
import type { ByteRange, ChooseRanges, Location, ObjectStore } from '../stores/ports.ts';

/** Rows whose whole number in `column` lies in [first, last]. */
export interface RowRange {
  readonly column: string;
  readonly first: number;
  readonly last: number;
}

/** Rows of a row group of prepared files: few, so that a reader of some of the file's rows gets few others. */
export const preparedGroupRows = 8_192;

/** What is read of a file's end at first: it holds the footers of most files, and all of small ones. */
export const footerBytes = 1 << 20;

/**
 * A path of a Parquet file that is sorted by the column, for a reader that asks for these rows only: a store that is far
 * away fetches what the file ends in, with the footer, and the row groups that may have such rows. A reader must filter by the column, so that no
 * other row group is looked at.
 * @throws ObjectNotFoundError, SourceChangedError
 */
export async function localRows(
  store: Pick<ObjectStore, 'localPart'>,
  location: Location,
  rows: RowRange,
): Promise<string> {
  const choose: ChooseRanges = async ({ sizeBytes, read }) => {
    const file = {
      byteLength: sizeBytes,
      slice: async (from: number, to = sizeBytes): Promise<ArrayBuffer> =>
        Uint8Array.from(await read({ from, to })).buffer,
    };
    const footer = await parquetMetadataAsync(file, { initialFetchSize: footerBytes });
    const groups = footer.row_groups.filter((group) => mayHold(group, rows));
    const footerAt = sizeBytes - footer.metadata_length - 8;
    return groups.flatMap((group) => rangesOf(group, footerAt));
  };
  return await store.localPart(location, choose, footerBytes);
}

/** Without statistics it may. */
function mayHold({ columns }: RowGroup, { column, first, last }: RowRange): boolean {
  const found = columns.find(({ meta_data }) => meta_data?.path_in_schema.join('.') === column);
  const { min_value: min, max_value: max } = found?.meta_data?.statistics ?? {};
  if (typeof min !== 'number' || typeof max !== 'number') return true;
  return min <= last && max >= first;
}

/** Where the columns of the row group lie, their Bloom filters included: the engine may ask those first. */
function rangesOf({ columns }: RowGroup, footerAt: number): readonly ByteRange[] {
  return columns.flatMap(({ meta_data: column }) =>
    column === undefined ? [] : [chunk(column), ...bloom(column, footerAt)],
  );
}

function chunk(column: ColumnMetaData): ByteRange {
  const data = Number(column.data_page_offset);
  const dictionary = Number(column.dictionary_page_offset ?? 0);
  const from = dictionary > 0 ? Math.min(dictionary, data) : data;
  return { from, to: from + Number(column.total_compressed_size) };
}

/** Filters lie between the row groups and the footer; a writer need not say how long one is. */
function bloom(column: ColumnMetaData, footerAt: number): readonly ByteRange[] {
  if (column.bloom_filter_offset === undefined) return [];
  const from = Number(column.bloom_filter_offset);
  return [
    { from, to: column.bloom_filter_length === undefined ? footerAt : from + column.bloom_filter_length },
  ];
}

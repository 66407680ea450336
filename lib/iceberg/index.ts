/**
 * Iceberg v2 tables over an object store and a catalog pointer, https://iceberg.apache.org/spec/.
 * Stage writes new files that nothing refers to; `commitStaged` is the single visible write.
 */

export { type Changes, type StageCommitOptions, stageCommit } from './commit.ts';
export type { AnyIterable } from './commit-added.ts';
export type { RemovedFile } from './commit-removals.ts';
export {
  type ConflictReport,
  filesTouchedBy,
  findSnapshotByProperty,
  type InterveningSnapshot,
  type ValidateOptions,
  validateNoConflicts,
} from './conflicts.ts';
export { type DataFileFromWrittenOptions, dataFileFromWritten } from './data-file.ts';
export { dataFileFromJson, dataFileToJson, writtenFileFromJson } from './data-file-json.ts';
export { positionDeleteFieldIds } from './delete-index.ts';
export { type AddColumnsOptions, addColumns, laterColumns, withMissingColumns } from './evolve.ts';
export { type ExpiredSnapshots, type ExpireOptions, expireSnapshots } from './expire.ts';
export { checkFooter } from './footer.ts';
export type { MetadataChange } from './metadata-change.ts';
export { type OrphanOptions, orphanFiles } from './orphans.ts';
export {
  type CellFilterOptions,
  cellFilter,
  type FieldSummary,
  type PartitionFilter,
} from './partition-filter.ts';
export { specFor, withDefaultSpec } from './partitioning.ts';
export { newSnapshotId, type Random, systemRandom } from './random.ts';
export { type RebaseOptions, rebaseSnapshot } from './rebase.ts';
export { changeRefs, dropRef, type SetRefOptions, setProperties, setRef } from './refs.ts';
export { assertReadable, type LiveFilesOptions, liveDeleteFiles, liveFiles } from './scan.ts';
export { fieldByName } from './schema.ts';
export { type CommitStagedOptions, commitStaged, type StagedCommit } from './staged.ts';
export {
  ancestors,
  type CreateTableOptions,
  createTable,
  currentSchema,
  currentSnapshot,
  currentSpec,
  loadTable,
  loadTableAt,
  loadTableIfExists,
  prepareCreateTable,
  snapshotById,
  specById,
} from './table.ts';
export type * from './table-metadata.ts';
export { bucketCount, bucketField, bucketOf, transformResultType } from './transforms.ts';
export type * from './types.ts';
export { compareValues, singleValueFromBytes, singleValueToBytes } from './values.ts';

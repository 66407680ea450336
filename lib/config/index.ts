export { canonicalJson, configDigest } from './digest.ts';
export { feedPrefix, rollupTable, sourcePrefix, summaryOnly } from './feeds.ts';
export { jsonSchema, jsonSchemaText } from './json-schema.ts';
export { type LoadOptions, loadPipeline, parsePipeline } from './load.ts';
export { historyColumnName, isReservedColumnName } from './names.ts';
export { scheduleOf } from './schedule.ts';
export type { ColumnConfig, ColumnType, PipelineConfig, RollupConfig, SummaryConfig } from './schema.ts';
export { parseByteSize, parseDurationMs } from './sizes.ts';
export { sqlType, type TargetColumn, targetColumns } from './types.ts';

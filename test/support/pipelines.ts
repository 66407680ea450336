import {
  type LoadOptions,
  loadPipeline,
  parsePipeline,
  type SummaryConfig,
  summaryOnly,
} from '../../lib/config/index.ts';

/** `parsePipeline` for tests that are about account summaries. */
export async function parseSummary(
  yaml: string,
  name: string,
  options?: LoadOptions,
): Promise<SummaryConfig> {
  return summaryOnly(await parsePipeline(yaml, name, options), 'the test');
}

/** `loadPipeline` for tests that are about account summaries. */
export async function loadSummary(path: string): Promise<SummaryConfig> {
  return summaryOnly(await loadPipeline(path), 'the test');
}

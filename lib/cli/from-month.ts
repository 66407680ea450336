import { type PipelineConfig, summaryOnly } from '../config/index.ts';
import { UsageError } from '../errors.ts';
import type { CommandContext } from './command.ts';

/** The pipeline with the month of `--from-month`, which wins over the file's. @throws UsageError */
export function withFromMonth(context: CommandContext, given: PipelineConfig): PipelineConfig {
  const fromMonth = context.flags.text('from-month');
  if (fromMonth === undefined) return given;
  const config = summaryOnly(given, '--from-month');
  if (!/^\d{4}-(0[1-9]|1[0-2])$/.test(fromMonth))
    throw new UsageError(`--from-month needs a month YYYY-MM, not '${fromMonth}'`);
  return { ...config, work: { ...config.work, fromMonth } };
}

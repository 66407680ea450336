import { type PipelineConfig, summaryOnly } from '../config/index.ts';
import { UsageError } from '../errors.ts';
import type { CommandContext } from './command.ts';

/** The month of `--from-month`. @throws UsageError also when the pipeline knows no months */
export function fromMonthOf(context: CommandContext, config: PipelineConfig): string | undefined {
  const fromMonth = context.flags.text('from-month');
  if (fromMonth === undefined) return undefined;
  summaryOnly(config, '--from-month');
  if (!/^\d{4}-(0[1-9]|1[0-2])$/.test(fromMonth))
    throw new UsageError(`--from-month needs a month YYYY-MM, not '${fromMonth}'`);
  return fromMonth;
}

/** The pipeline with that month, which wins over the file's. @throws UsageError */
export function withFromMonth(context: CommandContext, given: PipelineConfig): PipelineConfig {
  const fromMonth = fromMonthOf(context, given);
  if (fromMonth === undefined) return given;
  const config = summaryOnly(given, '--from-month');
  return { ...config, work: { ...config.work, fromMonth } };
}

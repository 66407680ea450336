import { UsageError } from '../../errors.ts';
import type { CommandHandler } from '../command.ts';

export const sql: CommandHandler = () => {
  throw new UsageError('sql is not part of this version yet');
};

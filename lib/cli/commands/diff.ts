import { UsageError } from '../../errors.ts';
import type { CommandHandler } from '../command.ts';

export const diff: CommandHandler = () => {
  throw new UsageError('diff is not part of this version yet');
};

import { UsageError } from '../../errors.ts';
import type { CommandHandler } from '../command.ts';

export const status: CommandHandler = () => {
  throw new UsageError('status is not part of this version yet');
};

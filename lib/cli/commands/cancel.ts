import { UsageError } from '../../errors.ts';
import type { CommandHandler } from '../command.ts';

export const cancel: CommandHandler = () => {
  throw new UsageError('cancel is not part of this version yet');
};

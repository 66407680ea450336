import { UsageError } from '../../errors.ts';
import type { CommandHandler } from '../command.ts';

export const show: CommandHandler = () => {
  throw new UsageError('show is not part of this version yet');
};

import { UsageError } from '../../errors.ts';
import type { CommandHandler } from '../command.ts';

export const doctor: CommandHandler = () => {
  throw new UsageError('doctor is not part of this version yet');
};

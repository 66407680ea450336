import { UsageError } from '../../errors.ts';
import type { CommandHandler } from '../command.ts';

export const verify: CommandHandler = () => {
  throw new UsageError('verify is not part of this version yet');
};

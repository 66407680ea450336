import { UsageError } from '../../errors.ts';
import type { CommandHandler } from '../command.ts';

export const init: CommandHandler = () => {
  throw new UsageError('init is not part of this version yet');
};

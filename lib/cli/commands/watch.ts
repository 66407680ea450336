import { UsageError } from '../../errors.ts';
import type { CommandHandler } from '../command.ts';

export const watch: CommandHandler = () => {
  throw new UsageError('watch is not part of this version yet');
};

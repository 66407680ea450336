import { stateStoreContract } from '../contracts/state-store.ts';
import { openTestState } from './world.ts';

stateStoreContract('DynamoDB', (clock) => openTestState({ clock }));

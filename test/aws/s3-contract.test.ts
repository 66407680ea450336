import { objectStoreContract } from '../contracts/object-store.ts';
import { openTestStore } from './world.ts';

objectStoreContract('S3', () => openTestStore());

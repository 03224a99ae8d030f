import { SECRETS as OF_CALLERS } from './callers.ts';
import { SECRETS as OF_DATABASES } from './databases.ts';

/** The variables that production requires. */
export const SECRETS: NodeJS.ProcessEnv = { ...OF_DATABASES, ...OF_CALLERS };

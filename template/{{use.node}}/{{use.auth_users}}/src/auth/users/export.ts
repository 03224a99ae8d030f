import type { Database } from '../../database.ts';
import { log } from '../../logs.ts';
import type { PersonalData } from '../../personal-data.ts';

/**
 * The JSON text of all that the service stores about a user, in parts: `{"user": …, "data": {FEATURE: […], …}}`. The
 * rows are read while the text is sent, so that no memory holds all of them.
 */
export async function* exportText(
  database: Database,
  features: readonly PersonalData[],
  id: string,
  user: object,
): AsyncGenerator<string> {
  try {
    yield `{"user":${JSON.stringify(user)},"data":{`;
    let featureSeparator = '';
    for (const feature of features) {
      if (feature.export === undefined) continue;
      yield `${featureSeparator}${JSON.stringify(feature.name)}:[`;
      let separator = '';
      for await (const item of feature.export(database, id)) {
        yield separator + JSON.stringify(item);
        separator = ',';
      }
      yield ']';
      featureSeparator = ',';
    }
    yield '}}';
  } catch (error) {
    // The status is sent already. The client notices that the text is cut.
    log.error({ error }, 'export failed');
    throw error;
  }
}

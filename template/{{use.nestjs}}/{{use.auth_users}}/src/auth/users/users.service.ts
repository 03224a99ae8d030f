import { Readable } from 'node:stream';

import { Inject, Injectable } from '@nestjs/common';

import { Database } from '../../database.ts';
import type { Cursor, Slice } from '../../pagination.ts';
import type { Role } from '../../permissions.ts';
import type { PersonalData } from '../../personal-data.ts';
import { AUTHENTICATOR, PERSONAL_DATA } from '../../tokens.ts';
import type { Versions } from '../../versions.ts';
import type { Authenticator } from '../provider.ts';
import { exportText } from './export.ts';
import { findUser, listUsers, type User } from './repository.ts';
import { representUser } from './schemas.ts';
import { changeDisabled, changePassword, changeRoles, eraseUser } from './service.ts';

/** Operations on users for the API, each in a transaction of its own. What commands also use is in `service.ts`. */
@Injectable()
export class UsersService {
  constructor(
    private readonly database: Database,
    @Inject(AUTHENTICATOR) private readonly authenticator: Authenticator,
    @Inject(PERSONAL_DATA) private readonly personalData: readonly PersonalData[],
  ) {}

  /** @throws not_found */
  find(id: string): Promise<User> {
    return this.database.read((session) => findUser(session, id));
  }

  /** Newest first. */
  list(limit: number, after: Cursor | undefined): Promise<Slice<User>> {
    return this.database.read((session) => listUsers(session, limit, after));
  }

  /**
   * The JSON text of all that the service stores about a user.
   *
   * @throws not_found
   */
  async export(id: string): Promise<Readable> {
    const user = await this.find(id);
    return Readable.from(exportText(this.database, this.personalData, id, representUser(user)));
  }

  /** @throws not_found, precondition_failed, invalid_state */
  changeDisabled(id: string, disabled: boolean | undefined, versions: Versions): Promise<User> {
    return this.database.transaction((session) => changeDisabled(session, this.authenticator, id, disabled, versions));
  }

  /** @throws not_found, precondition_failed, invalid_state */
  changeRoles(id: string, roles: readonly Role[], versions: Versions): Promise<User> {
    return this.database.transaction((session) => changeRoles(session, this.authenticator, id, roles, versions));
  }

  /** @throws invalid_credentials, not_found */
  changePassword(id: string, passwords: { current: string; new: string }): Promise<void> {
    return changePassword(this.database, this.authenticator, id, passwords);
  }

  /** @throws not_found, invalid_state */
  erase(id: string): Promise<void> {
    return this.database.transaction((session) => eraseUser(session, this.authenticator, this.personalData, id));
  }
}

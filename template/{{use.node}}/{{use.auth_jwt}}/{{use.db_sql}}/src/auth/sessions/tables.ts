export interface SessionTables {
  sessions: LoginSession;
  refresh_tokens: RefreshToken;
  login_failures: LoginFailures;
}

/** A session from login to logout. Revoking it invalidates its access tokens and refresh tokens. */
export interface LoginSession {
  id: string;
  user_id: string;
  created_at: Date;
  expires_at: Date;
  revoked_at: Date | null;
}

/** A refresh token can be used once. Only its hash is stored. */
export interface RefreshToken {
  hash: string;
  session_id: string;
  used_at: Date | null;
}

/** The number of failed logins to an account from an address, whether the account exists or not. */
export interface LoginFailures {
  id: string;
  /** SHA-256 of the email. */
  account: string;
  /** SHA-256 of the client's address. */
  address: string;
  count: number;
  expires_at: Date;
}

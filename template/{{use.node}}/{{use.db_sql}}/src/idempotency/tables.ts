export interface IdempotencyTables {
  idempotency_keys: StoredResponse;
}

/** The first response to a request with an idempotency key. */
export interface StoredResponse {
  scope: string;
  key: string;
  fingerprint: string;
  status: number;
  location: string;
  etag: string;
  body: string;
  expires_at: Date;
}

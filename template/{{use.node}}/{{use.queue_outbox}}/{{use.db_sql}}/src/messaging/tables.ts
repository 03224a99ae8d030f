export interface MessageTables {
  messages: MessageRow;
}

/** An event on its way to a handler. The row is deleted in the transaction of the handler. */
export interface MessageRow {
  id: string;
  /** The id of the event, by which messages are ordered: several messages have one event if it has several handlers. */
  event_id: string;
  /** The subject of the user whose data the event holds. */
  owner: string;
  type: string;
  /** The subject of the event. The messages of one subject are handled in the order in which they were stored. */
  subject: string;
  /** The event as JSON. */
  event: string;
  /** The name of the handler. Only set if the event has several handlers, and each got its own message. */
  handler: string | null;
  request_id: string | null;
  /** The W3C trace context of the request. */
  traceparent: string | null;
  state: 'pending' | 'dead';
  /** The message is due at this time. A claim sets it to the end of the lease. */
  run_at: Date;
  /** The id of the claim that holds the message. A worker that has lost its lease changes nothing. */
  lease: string | null;
  attempts: number;
  last_error: string | null;
  created_at: Date;
}

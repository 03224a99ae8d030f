/** Adds nothing to the tables, because no event is stored. */
export type MessageTables = object;

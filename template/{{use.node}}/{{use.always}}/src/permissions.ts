export const ROLES = ['admin', 'member'] as const;

export type Role = (typeof ROLES)[number];

export type Permission = 'orders:read' | 'orders:write' | 'orders:delete' | 'users:read' | 'users:manage';

/** What each role may do. Review this table before a release. */
const PERMISSIONS: Record<Role, ReadonlySet<Permission>> = {
  admin: new Set(['orders:read', 'orders:write', 'orders:delete', 'users:read', 'users:manage']),
  member: new Set(['orders:read', 'orders:write']),
};

/** The user for whom a request acts. `subject` identifies the user; it is empty for an anonymous caller. */
export interface Principal {
  subject: string;
  roles: readonly Role[];
}

/** The principal of handlers and commands: the service itself, with every permission. */
export const SERVICE: Principal = { subject: '', roles: ['admin'] };

export function isAdmin(principal: Principal): boolean {
  return principal.roles.includes('admin');
}

export function may(principal: Principal, permission: Permission): boolean {
  return principal.roles.some((role) => PERMISSIONS[role].has(permission));
}

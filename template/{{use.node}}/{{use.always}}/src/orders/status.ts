export const ORDER_STATUSES = ['placed', 'confirmed', 'cancelled'] as const;

export type OrderStatus = (typeof ORDER_STATUSES)[number];
